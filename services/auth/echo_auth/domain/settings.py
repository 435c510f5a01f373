"""Changed system settings."""

from datetime import datetime

from echo_common.aggregate import Aggregate
from echo_common.contracts.events.auth import SettingChanged


class ChangedSetting(Aggregate):
    """A system setting that an administrator changed; its id is the key."""

    key: str
    value: bool | int | str
    last_updated: datetime
    updated_by: str

    @classmethod
    def set(cls, key: str, value: bool | int | str, user_id: str, at: datetime) -> "ChangedSetting":
        """Create the first change of a setting."""
        setting = cls(id=key, key=key, value=value, last_updated=at, updated_by=user_id)
        setting.record(SettingChanged(key=key))
        return setting

    def change(self, value: bool | int | str, user_id: str, at: datetime) -> None:
        """Change the value; setting the same value again records nothing."""
        if value == self.value:
            return
        self.value, self.last_updated, self.updated_by = value, at, user_id
        self.record(SettingChanged(key=self.key))

    def forget_author(self, pseudonym: str) -> None:
        """Replace the erased author by a pseudonym."""
        self.updated_by = pseudonym

    def reset(self) -> None:
        """Set back to the default."""
        self.erase()
        self.record(SettingChanged(key=self.key))
