"""Use cases of synthesis, one module for each resource."""

from echo_synthesis.usecases.audio import (
    delete_audio,
    find_audio,
    find_linked_audio,
    link_audio,
    remove_objects,
    words_of,
)
from echo_synthesis.usecases.dictionary import (
    add_entry,
    change_entry,
    delete_entry,
    find_entry,
    list_entries,
    normalize,
)
from echo_synthesis.usecases.jobs import (
    cancel_job,
    config_of,
    delete_job,
    find_job,
    list_jobs,
    patch_job,
    queue_job,
    retry_job,
    revise_job,
)
from echo_synthesis.usecases.ownership import object_owners
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.requests import Synthesis, delete_synthesis, find_synthesis, generate, list_syntheses
from echo_synthesis.usecases.speech import request_of, stream_speech, synthesize
from echo_synthesis.usecases.studio import Studio
from echo_synthesis.usecases.texts import change_text, delete_text, find_text, list_texts, save_text, text_of
from echo_synthesis.usecases.verify import Finding, verify

__all__ = [
    "Finding",
    "Studio",
    "Synthesis",
    "add_entry",
    "cancel_job",
    "change_entry",
    "change_text",
    "config_of",
    "delete_audio",
    "delete_entry",
    "delete_job",
    "delete_synthesis",
    "delete_text",
    "find_audio",
    "find_entry",
    "find_job",
    "find_linked_audio",
    "find_synthesis",
    "find_text",
    "generate",
    "link_audio",
    "list_entries",
    "list_jobs",
    "list_syntheses",
    "list_texts",
    "normalize",
    "object_owners",
    "patch_job",
    "plan_speech",
    "queue_job",
    "remove_objects",
    "request_of",
    "retry_job",
    "revise_job",
    "save_text",
    "stream_speech",
    "synthesize",
    "text_of",
    "verify",
    "words_of",
]
