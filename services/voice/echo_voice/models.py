"""Download of the speaker encoders, and of the local language model if its extra is installed: `python -m echo_voice.models DIR`."""

import argparse
import sys
from pathlib import Path

from echo_voice.chat_models import local
from echo_voice.chat_models.local.files import ChatModelFileError, fetch_model
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.cloning.fetch import EncoderMissingError, fetch_campplus, fetch_dvector, fetch_encoder
from echo_voice.similarity import encoder_file


def fetch(models: Path) -> None:
    """Fetch and convert the encoders into `models`, unless they are there. Raises `EncoderMissingError`."""
    folder = encoder_file(models).parent
    try:
        for fetch_one in (fetch_encoder, fetch_campplus, fetch_dvector):
            fetch_one(folder)
    except OSError as error:
        raise EncoderMissingError(f"The speaker encoders cannot be written to {models}: {error.strerror}.") from error


def main() -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="echo_voice.models", description="Fetch and prepare the models of voice.")
    parser.add_argument("folder", type=Path)
    try:
        folder = parser.parse_args().folder
        fetch(folder)
        if local.installed():
            fetch_model(folder, ChatSettings(), lambda what, done: None)
    except (EncoderMissingError, ChatModelFileError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
