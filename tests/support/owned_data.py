"""Everything that a user can own, and valid requests for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from echo_common.ids import new_id
from tests.support.authenticator import Authenticator
from tests.support.eventually import eventually
from tests.support.person import PASSWORD, Person, data
from tests.support.recordings import spoken, wav

SENTENCE = "This belongs to its owner."
SHORT_RECORDING = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
INVALID_LOGIN = {"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA"}}
INVALID_REGISTRATION = {"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "AA", "attestationObject": "AA"}}
MISPRONOUNCED = {"reason": "mispronounced", "start_word": 0, "end_word": 0}
CONSENT = {"attested": True}
RECEIVER = "https://192.0.2.1/hooks"
"""An address of the documentation network (RFC 5737), which reaches nobody; the platforms of the tests permit it."""
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000000000000000000049454e44ae426082")


@dataclass(frozen=True)
class OwnedData:
    """A user's resources: `ids` by the name of the path parameter that takes them."""

    owner: Person
    email: str
    ids: Mapping[str, str]

    @classmethod
    async def of(cls, owner: Person) -> "OwnedData":
        """Register a user and create a resource of each kind."""
        email = await owner.register()
        sample_id = await _sample(owner)
        clone_id = await _clone(owner, sample_id)
        speech = await owner.speak(SENTENCE)
        job = await owner.queue(SENTENCE)
        [event async for event in owner.follow(job["id"])]
        text = data(await owner.http.post("/texts", json={"content": SENTENCE}), 201)
        entry = data(await owner.http.post("/tts/dictionary", json={"term": "Echo", "respelling": "eko"}), 201)
        options = data(await owner.http.post("/auth/passkeys/options"))["public_key"]
        passkey = {"name": "Phone", "credential": Authenticator().create(options)}
        passkey_id = data(await owner.http.post("/auth/passkeys", json=passkey), 201)["id"]
        clone = data(await owner.http.get(f"/voice/clones/{clone_id}"))
        url = str(owner.http.base_url).removesuffix("/api/v1/")
        me = data(await owner.http.get("/users/me"))["id"]
        echo = (
            await owner.http.post(
                f"{url}/api/echo", json={"user_id": me, "name": "Me", "persona_prompt": "Friendly.", "voice_model_id": clone_id}
            )
        ).json()
        data(await owner.http.patch(f"/echos/{echo['_id']}", json={"greeting": "Hello!"}))
        sent = data(await owner.http.post(f"/echos/{echo['_id']}/messages", json={"text": SENTENCE}))
        other_login = data(await owner.http.post("/auth/login", json={"email": email, "password": PASSWORD}))
        rating = data(
            await owner.http.post("/feedback", json={"audio_id": speech["audio_id"], "rating": 4, **MISPRONOUNCED}), 201
        )
        webhook = data(await owner.http.post("/webhooks", json={"url": RECEIVER, "events": ["job.failed"]}), 201)
        delivery = data(await owner.http.post(f"/webhooks/{webhook['id']}/test"), 202)
        export = await exported(owner)
        track_id = await _track(owner, speech["audio_id"])
        playlist = data(await owner.http.post("/playlists", json={"name": "Evening", "track_ids": [track_id]}), 201)
        group = data(
            await owner.http.post(
                "/group-sessions", json={"name": "Friday", "playlist_id": playlist["id"], "display_name": "Ada"}
            ),
            201,
        )
        ids = {
            "audio_id": speech["audio_id"],
            "clone_id": clone_id,
            "consent_id": clone["consent_id"],
            "delivery_id": delivery["id"],
            "echo_id": echo["_id"],
            "entry_id": entry["id"],
            "export_id": export["export_id"],
            "group_session_id": group["id"],
            "import_id": new_id("import"),  # an import needs an account of Spotify
            "job_id": job["id"],
            "key_id": await _key(owner),
            "message_id": sent["message"]["id"],
            "model_id": clone_id,
            "passkey_id": passkey_id,
            "playlist_id": playlist["id"],
            "rating_id": rating["id"],
            "sample_id": sample_id,
            "session_id": other_login["refresh_token"].split(".")[0],
            "synthesis_id": speech["synthesis_id"],
            "text_id": text["id"],
            "track_id": track_id,
            "user_id": me,
            "voice_id": clone_id,
            "webhook_id": webhook["id"],
        }
        return cls(owner, email, ids)

    async def with_new_key(self) -> "OwnedData":
        """Create another API key: an administrator who logged the owner out has revoked the first."""
        return replace(self, ids={**self.ids, "key_id": await _key(self.owner)})

    def request(self, operation: str) -> dict[str, Any]:
        """Return httpx's arguments of a valid request; the resources in it are the owner's."""
        ids = self.ids
        mixable = [{"voice_id": "tone_low"}, {"voice_id": ids["clone_id"]}]
        bodies: dict[str, Any] = {
            "accept_dictionary_offer": {"respelling": "thiss"},
            "add_echo": {"name": "Me", "persona_prompt": "x", "voice_id": ids["clone_id"]},
            "add_playlist_items": {"track_ids": [ids["track_id"]]},
            "add_dictionary_entry": {"term": new_id("term"), "respelling": "eko"},
            "change_clone": {"name": "Renamed"},
            "change_current_user": {"discoverable": True},
            "change_dictionary_entry": {"respelling": "ecko"},
            "change_echo": {"greeting": new_id("hello")},
            "change_group_session": {"members_may_control": False},
            "change_job": {"status": "cancelled"},
            "change_password": {"current_password": PASSWORD, "new_password": "staple gun paradise"},
            "confirm_email": {"token": "mail_none.x"},
            "request_password_reset": {"email": "nobody@example.com"},
            "replace_preferences": {"top_tracks": [ids["track_id"]], "genres": ["jazz"]},
            "replace_profile": {"first_name": "Ada"},
            "reset_password": {"token": "mail_none.x", "new_password": "staple gun paradise"},
            "change_playlist": {"name": "Night"},
            "change_system_settings": {"values": {"auth.verify_email": None}},
            "change_text": {"content": "Changed."},
            "change_track": {"genres": ["folk"]},
            "change_user": {"is_active": True},
            "change_voice_model": {"name": "Renamed"},
            "change_webhook": {"description": "Changed."},
            "create_api_key": {"name": "Program", "scopes": ["speech:read"]},
            "create_clone": {"name": "Copy", "sample_ids": [ids["sample_id"]], "consent": CONSENT, "config": {"epochs": 3}},
            "create_echo": {"user_id": ids["user_id"], "name": "Me", "persona_prompt": "x", "voice_model_id": ids["clone_id"]},
            "create_group_session": {"name": "Friday", "playlist_id": ids["playlist_id"], "display_name": "Ada"},
            "create_job": {"text_id": ids["text_id"], "voice_model_id": "tone_low"},
            "create_playlist": {"name": "Morning", "track_ids": [ids["track_id"]]},
            "create_webhook": {"url": RECEIVER, "events": ["job.completed"]},
            "delete_current_user": {"password": PASSWORD},
            "delete_playlist_items": {"item_ids": ["item_none"]},
            "delete_voices": {"ids": [ids["clone_id"]]},
            "disable_two_factor": {"password": PASSWORD, "code": "000000"},
            "enable_two_factor": {"code": "000000"},
            "generate": {"text": SENTENCE, "voice_name": ids["clone_id"]},
            "join_group_session": {"code": "00000000", "display_name": "Eve"},
            "link_audio": {"expires_in": 60},
            "link_identity": {"link_token": "AAAA"},
            "log_in": {"email": self.email, "password": PASSWORD},
            "log_in_with_passkey": {"credential": INVALID_LOGIN},
            "mix_voices": {"name": "Mixed", "voices": mixable},
            "move_playlist_item": {"item_id": "item_none", "position": 0, "revision": 1_000},
            "name_user": {"email": self.email},
            "normalize": {"text": SENTENCE},
            "preview_mix": {"voices": mixable},
            "preview_training": {},
            "rate_audio": {"audio_id": ids["audio_id"], "rating": 5, **MISPRONOUNCED},
            "add_interaction": {"track_id": ids["track_id"], "type": "like"},
            "refresh": {"refresh_token": "x"},
            "register": {"email": f"{new_id('new').lower()}@example.com", "password": PASSWORD},
            "register_passkey": {"name": "Phone", "credential": INVALID_REGISTRATION},
            "reorder_playlist_items": {"item_ids": [], "revision": 1_000},
            "replace_recovery_codes": {"password": PASSWORD, "code": "000000"},
            "replay_dead_letter": {"service": "synthesis", "id": "evt_none"},
            "restore_playlist": {"revision": 1_000},
            "revise_job": {"text_content": "Changed."},
            "send_message": {"text": SENTENCE},
            "save_text": {"content": SENTENCE},
            "share_playlist": {"role": "viewer"},
            "share_voice": {"public": True},
            "start_spotify_export": {"public": False},
            "start_spotify_import": {"top_artists": True},
            "stream_speech": {"text_id": ids["text_id"], "voice_id": "tone_low"},
            "synthesize": {"text_id": ids["text_id"], "voice_id": "tone_low"},
            "synthesize_later": {"text_id": ids["text_id"], "voice_id": "tone_low"},
            "synthesize_with_reference": {"text": SENTENCE, "reference_id": ids["clone_id"]},
            "train_again": {},
            "upgrade_guest": {"email": f"{new_id('up').lower()}@example.com", "password": PASSWORD},
            "train_from_sample": {"config": {"epochs": 3}, "consent": CONSENT},
            "update_passkey": {"name": "Laptop"},
        }
        recording = wav(spoken(SHORT_RECORDING))
        files: dict[str, Any] = {
            "upload_avatar": {"file": ("me.png", PICTURE)},
            "upload_reference": {"audio": ("me.wav", recording)},
            "upload_sample": {"file": ("me.wav", recording)},
            "upload_track": {"file": ("me.wav", recording)},
            "verify_audio": {"file": ("me.wav", recording)},
        }
        queries: dict[str, Any] = {
            "find_user": {"email": self.email},
            "get_pronunciation": {"start_word": 0, "end_word": 0},
            "stream_speech_from_query": {"text_id": ids["text_id"], "voice_id": "tone_low"},
        }
        request: dict[str, Any] = {}
        if operation in bodies:
            request["json"] = bodies[operation]
        if operation in files:
            request["files"] = files[operation]
        if operation in queries:
            request["params"] = queries[operation]
        return request


async def _key(person: Person) -> str:
    key = data(await person.http.post("/auth/keys", json={"name": "Program", "scopes": ["speech:read"]}), 201)
    return str(key["id"])


async def _track(person: Person, audio_id: str) -> str:
    """Wait for the track of an audio and return its id."""
    track_id = f"track_{audio_id.partition('_')[2]}"

    async def known() -> bool:
        return (await person.http.get(f"/tracks/{track_id}")).is_success

    await eventually(known)
    return track_id


async def _sample(person: Person) -> str:
    answer = await person.http.post(
        "/voice/samples", files={"file": ("me.wav", wav(spoken(SHORT_RECORDING)))}, data={"name": "Me"}
    )
    sample_id: str = data(answer, 201)["sample_id"]

    async def ready() -> bool:
        return bool(data(await person.http.get(f"/voice/samples/{sample_id}"))["status"] == "ready")

    await eventually(ready, within=90)
    return sample_id


async def _clone(person: Person, sample_id: str) -> str:
    body = {"name": "Me", "sample_ids": [sample_id], "consent": CONSENT, "config": {"epochs": 3}}
    clone_id: str = data(await person.http.post("/voice/clones", json=body), 202)["clone_id"]
    [event async for event in person.watch(f"/voice/clones/{clone_id}/progress")]

    async def known() -> bool:
        return (await person.http.get(f"/voices/{clone_id}")).is_success

    await eventually(known, within=60)
    return clone_id


async def exported(person: Person) -> dict[str, Any]:
    """Request an export and wait for its archive."""
    export_id = data(await person.http.post("/users/me/export"), 202)["export_id"]

    async def ended() -> bool:
        return data(await person.http.get(f"/users/me/exports/{export_id}"))["status"] in {"completed", "failed"}

    await eventually(ended, within=60)
    export: dict[str, Any] = data(await person.http.get(f"/users/me/exports/{export_id}"))
    assert export["status"] == "completed", export
    return export
