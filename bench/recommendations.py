"""Recommendations on a generated data set, compared with popularity; and their time for 10,000 tracks."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bench.figure import Figure
from bench.stage import Stage
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.clock import now
from echo_common.contracts.values import JobStatus, TrackSource
from echo_common.outbox.relay import Relay
from echo_common.store.connect import open_store
from echo_common.store.port import Document, Store
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.recommendations import Candidate, Listener, recommend
from echo_listening.domain.taste import ListenedTrack, Taste, derive_taste
from echo_listening.domain.tracks import Track
from echo_listening.repository.analyses import Analyses
from echo_listening.repository.tracks import Tracks

_TRACKS: Final = 10_000
_GENRES: Final = 60
_ARTISTS: Final = 1_500
_USERS: Final = 150
_HEARD: Final = 60
_HIDDEN: Final = 20
_FIRST: Final = 10
_SEED: Final = 12
_USER: Final = "usr_1"
_COLD: Final = "cold start: two stated genres, no interactions"

Recommender = Callable[["Person"], Sequence[int]]


@dataclass(frozen=True)
class Catalogue:
    """Generated tracks: the genre decides the features, and an artist has one genre."""

    candidates: Sequence[Candidate]
    genre: np.ndarray[tuple[int], np.dtype[np.int64]]
    artist: np.ndarray[tuple[int], np.dtype[np.int64]]
    energy: np.ndarray[tuple[int], np.dtype[np.float64]]
    popularity: np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Person:
    """A generated listener: the genres of the latent taste, tracks that were heard, and those that are to be found."""

    genres: Sequence[int]
    heard: Sequence[int]
    hidden: frozenset[int]


async def measure(_: Stage, rounds: int) -> Sequence[Figure]:
    """Hide a third of the tracks that each listener likes, and search for them among all that were not heard."""
    rng = np.random.default_rng(_SEED)
    catalogue = await asyncio.to_thread(_catalogue, rng)
    people = [_person(catalogue, rng) for _ in range(_USERS)]
    listeners = [_listener(catalogue, person) for person in people[: 4 * rounds]]
    quality = await asyncio.to_thread(lambda: list(_measure_quality(catalogue, people)))
    return [*quality, *await _measure_time(catalogue, listeners)]


def _measure_quality(catalogue: Catalogue, people: Sequence[Person]) -> Iterator[Figure]:
    popular = [int(row) for row in np.argsort(-catalogue.popularity, kind="stable")]

    def by_popularity(person: Person) -> Sequence[int]:
        heard = set(person.heard)
        return [row for row in popular[: _FIRST + len(heard)] if row not in heard][:_FIRST]

    def by_preferences(person: Person) -> Sequence[int]:
        return _recommended(catalogue, _listener(catalogue, person))

    def by_statement(person: Person) -> Sequence[int]:
        stated = Taste(genres=tuple(f"genre {genre}" for genre in person.genres[:2]))
        return _recommended(catalogue, Listener(stated, stated, excluded={str(row) for row in person.heard}))

    recommenders = (("interactions", by_preferences), (_COLD, by_statement), ("popularity (baseline)", by_popularity))
    note = f"{_USERS} listeners, {_TRACKS:,} tracks, {_HEARD} heard and {_HIDDEN} hidden each"
    for name, recommender in recommenders:
        for metric, value in _judge(people, recommender):
            yield Figure("recommendations", f"{metric}@{_FIRST}: {name}", [value], "", note=note)


def _catalogue(rng: np.random.Generator) -> Catalogue:
    """Generate tracks whose features scatter around those of their genre."""
    artist_genre = rng.integers(_GENRES, size=_ARTISTS)
    centres = rng.uniform(0.1, 0.9, size=(_GENRES, 6))
    artist = rng.integers(_ARTISTS, size=_TRACKS)
    genre = artist_genre[artist]
    values = np.clip(centres[genre] + rng.normal(0, 0.1, size=(_TRACKS, 6)), 0, 1)
    popularity = rng.permutation(np.arange(1, _TRACKS + 1) ** -0.5)  # few tracks are very popular, as in real catalogues
    names = ("danceability", "energy", "valence", "acousticness", "instrumentalness")
    candidates = [
        Candidate(
            str(row),
            artists=(f"artist {artist[row]}",),
            genres=(f"genre {genre[row]}",),
            popularity=float(popularity[row]),
            features=TrackFeatures(
                **dict(zip(names, (float(value) for value in values[row, :5]), strict=True)),
                tempo=60 + 120 * float(values[row, 5]),
            ),
        )
        for row in range(_TRACKS)
    ]
    return Catalogue(candidates, genre, artist, values[:, 1], popularity)


def _person(catalogue: Catalogue, rng: np.random.Generator) -> Person:
    """Draw tracks by genre, artist, a preferred energy and popularity, and a tenth regardless of the taste."""
    genres = [int(one) for one in rng.choice(_GENRES, size=3, replace=False)]
    worth = np.zeros(_GENRES)
    worth[genres] = (1.0, 0.6, 0.4)
    artists = rng.lognormal(0, 1, size=_ARTISTS)
    energy = np.exp(-((catalogue.energy - rng.uniform(0.2, 0.8)) ** 2) / (2 * 0.15**2))
    affinity = worth[catalogue.genre] * artists[catalogue.artist] * energy * (0.02 + catalogue.popularity)
    chances = 0.9 * affinity / affinity.sum() + 0.1 * catalogue.popularity / catalogue.popularity.sum()
    drawn = [int(row) for row in rng.choice(_TRACKS, size=_HEARD + _HIDDEN, replace=False, p=chances)]
    rng.shuffle(drawn)
    return Person(genres, drawn[:_HEARD], frozenset(drawn[_HEARD:]))


def _listener(catalogue: Catalogue, person: Person) -> Listener:
    """Return the preferences that the service derives if each track was completed once, the last one most recently."""
    listened = [
        ListenedTrack(_track(catalogue.candidates[row]), catalogue.candidates[row].features, 1 + place / _HEARD)
        for place, row in enumerate(person.heard)
    ]
    return Listener(Taste(), derive_taste(listened), known={str(row) for row in person.heard})


def _track(candidate: Candidate) -> Track:
    return Track(
        id=candidate.track_id,
        user_id=_USER,
        source=TrackSource.SPOTIFY,
        name="Song",
        artists=tuple(candidate.artists),
        genres=tuple(candidate.genres),
    )


def _recommended(catalogue: Catalogue, listener: Listener) -> Sequence[int]:
    """Return the first tracks that were not heard."""
    found = recommend(catalogue.candidates, listener, _FIRST + _HEARD)
    return [int(one.track_id) for one in found if one.track_id not in listener.known][:_FIRST]


def _judge(people: Sequence[Person], recommender: Recommender) -> Iterator[tuple[str, float]]:
    discounts = 1 / np.log2(np.arange(2, _FIRST + 2))
    precision, recall, gain = list[float](), list[float](), list[float]()
    for person in people:
        found = np.array([row in person.hidden for row in recommender(person)], dtype=np.float64)
        precision.append(float(found.sum()) / _FIRST)
        recall.append(float(found.sum()) / len(person.hidden))
        gain.append(float((found * discounts[: len(found)]).sum() / discounts.sum()))
    for name, values in (("Precision", precision), ("Recall", recall), ("NDCG", gain)):
        yield name, float(np.mean(values))


async def _measure_time(catalogue: Catalogue, listeners: Sequence[Listener]) -> Sequence[Figure]:
    """Measure the time in memory, and with all candidates read from the embedded database."""
    in_memory, in_database = [], []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
        store = await open_store(f"sqlite://{folder}", "listening")
        relay = Relay(InprocBus(InprocBroker()))
        tracks, analyses = Tracks(store, relay), Analyses(store, relay)
        await tracks.prepare()
        await analyses.prepare()
        await _fill(store, catalogue)
        for listener in listeners:
            started = time.perf_counter()
            found = await tracks.candidates({"user_id": _USER}, _TRACKS)
            features = await analyses.features_of_user(_USER)
            candidates = [replace(one, features=features.get(one.track_id)) for one in found]
            read = time.perf_counter()
            await asyncio.to_thread(recommend, candidates, listener, _FIRST)
            in_memory.append(1_000 * (time.perf_counter() - read))
            in_database.append(1_000 * (time.perf_counter() - started))
        await store.close()
    note = f"{_TRACKS:,} candidates"
    return [
        Figure("recommendations", "Recommendation: time in memory", in_memory, "ms", note=note),
        Figure("recommendations", "the same, with the embedded database", in_database, "ms", at_most=1_000, note=note),
    ]


async def _fill(store: Store, catalogue: Catalogue) -> None:
    """Store the catalogue as tracks of one user, with features."""
    tracks, analyses = store.collection(Tracks.name), store.collection(Analyses.name)
    for candidate in catalogue.candidates:
        both: Document = {"_id": candidate.track_id, "user_id": _USER, "created_at": now(), "version": 1}
        metadata = {"artists": list(candidate.artists), "genres": list(candidate.genres)}
        await tracks.insert({**both, **metadata, "popularity": round(100 * candidate.popularity)})
        features = None if candidate.features is None else candidate.features.model_dump()
        await analyses.insert({**both, "status": JobStatus.COMPLETED.value, "features": features})
