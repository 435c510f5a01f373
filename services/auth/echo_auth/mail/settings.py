"""Settings of mail."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class MailSettings(BaseSettings):
    """Address and credentials of the SMTP server."""

    model_config = settings_config("ECHO_AUTH_")

    smtp_host: str | None = Field(
        None, description="Host of the SMTP server; if unset, mails go to the log of auth and `echoctl mail list`."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="Encryption: starttls requires STARTTLS (port 587), tls connects with TLS (port 465), none sends in clear text.",
    )
    smtp_ca_file: Path | None = Field(
        None, description="File with the certificates that sign the server's; the system's certificates when unset."
    )
    smtp_username: str | None = Field(None, description="Username at the SMTP server; unset for none.")
    smtp_password: SecretStr | None = Field(None, description="Password at the SMTP server.")
    smtp_timeout_seconds: float = Field(
        20, gt=0, le=300, description="Time limit of each step of the SMTP connection in seconds."
    )
    mail_sender: str = Field("Echo <echo@localhost>", max_length=320, description="Sender of mails: name and address.")
