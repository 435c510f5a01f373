"""The use cases of conversations on a database, with fakes of the language model and of speech."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import pytest

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import Metric, Plan, Role
from echo_common.faults import FaultPoints
from echo_common.live_settings import LiveSettings
from echo_common.outbox.relay import Relay
from echo_common.quotas.counters import Quotas
from echo_common.store.port import Store
from echo_voice.conversations.history import MessageHistory
from echo_voice.conversations.replies import Replies, ReplyLimits
from echo_voice.conversations.reply_events import ReplyEvent, SpeechOrder
from echo_voice.conversations.repository import Conversations, Messages
from echo_voice.conversations.summaries import Summaries
from echo_voice.domain.echos import Echo, Persona
from echo_voice.domain.messages import Conversation, Message
from echo_voice.repository import Echos
from tests.integration.outbox.counters import RecordingBus
from tests.support.chat_model import ScriptedChatModel
from tests.support.database import Database
from tests.support.speech_stream import FakeSpeechStreams

ADA = Principal("usr_ada", "ses_1", Plan.USER, Role.USER, frozenset())
SPOKEN = SpeechOrder("token", SpeechConfig())
CONTEXT_CHARACTERS = 2_000


@dataclass
class Talk:
    """The use cases of conversations of one service, and an echo of Ada's."""

    echo: Echo
    replies: Replies
    history: MessageHistory
    chat: ScriptedChatModel
    speech: FakeSpeechStreams
    bus: RecordingBus

    async def send(self, text: str, *, speech: SpeechOrder | None = None) -> list[ReplyEvent]:
        """Send a message of Ada's and return the events of the reply."""
        async with self.replies.open(self.echo.id, text, ADA, speech=speech) as reply:
            return [event async for event in reply.events()]

    async def messages(self) -> list[Message]:
        return [message async for message in self.replies.messages.find({}, sort=[("number", 1)])]

    async def texts(self) -> list[tuple[str, str, str]]:
        return [(message.role.value, message.text, message.status.value) for message in await self.messages()]

    async def conversation(self) -> Conversation:
        found = await self.replies.conversations.find_one({"user_id": ADA.user_id, "echo_id": self.echo.id})
        assert found is not None
        return found


async def _nothing(_: str, without: Collection[str]) -> int:
    return 0


async def open_talk(store: Store, relay: Relay, bus: RecordingBus, *, lease_seconds: float = 15) -> Talk:
    where = (store, relay)
    echos, messages, conversations = Echos(*where), Messages(*where), Conversations(*where)
    quotas = Quotas(store, LiveSettings(), metrics=(Metric.MESSAGES,), gauges={}, storage=_nothing)
    for repository in (echos, messages, conversations, quotas):
        await repository.prepare()
    persona = Persona(name="Grace", persona_prompt="You are Grace.", greeting="Welcome aboard!")
    echo = Echo.create(ADA.user_id, persona)
    await echos.add(echo)
    chat, speech, faults = ScriptedChatModel(), FakeSpeechStreams(), FaultPoints()
    replies = Replies(
        echos=echos,
        messages=messages,
        conversations=conversations,
        chat=chat,
        streams=speech,
        summaries=Summaries(messages, conversations, chat, CONTEXT_CHARACTERS),
        quotas=quotas,
        faults=faults,
        limits=ReplyLimits(CONTEXT_CHARACTERS, lease_seconds),
    )
    return Talk(echo, replies, MessageHistory(echos, messages, conversations, faults), chat, speech, bus)


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
async def relay(bus: RecordingBus) -> AsyncIterator[Relay]:
    relay = Relay(bus, sweep_every=0.05)
    yield relay
    await relay.close()


@pytest.fixture
async def talk(database: Database, relay: Relay, bus: RecordingBus) -> AsyncIterator[Talk]:
    """Conversations on the database of the embedded mode."""
    store = await database.open()
    talk = await open_talk(store, relay, bus)
    await relay.start()
    yield talk
    await talk.replies.summaries.close()
    await store.close()
