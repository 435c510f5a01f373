"""Parameters of endpoints."""

from typing import Annotated

from fastapi import Path

from echo_voice.api import examples

SampleId = Annotated[str, Path(description="A sample's id.", examples=[examples.SAMPLE["id"]])]
CloneId = Annotated[str, Path(description="A clone's id.", examples=[examples.CLONE["id"]])]
ConsentId = Annotated[str, Path(description="A consent's id.", examples=[examples.CONSENT["id"]])]
ModelId = Annotated[str, Path(description="A voice model's `model_id`.", examples=[examples.CLONE["id"]])]
EchoId = Annotated[str, Path(description="An echo's id.", examples=[examples.ECHO["id"]])]
