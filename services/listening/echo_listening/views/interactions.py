"""Views of interactions."""

from echo_common.contracts.http.interactions import InteractionView
from echo_listening.domain.interactions import Interaction


def interaction_view(interaction: Interaction) -> InteractionView:
    """Build the view of an interaction."""
    return InteractionView(**interaction.model_dump(include=set(InteractionView.model_fields)))
