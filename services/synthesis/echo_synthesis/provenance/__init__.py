"""Speech that can be traced: a signed manifest in files that have room for one, a record of everything."""

from echo_synthesis.provenance.inspection import Inspection, Mark, Verdict, inspect
from echo_synthesis.provenance.notary import Notary

__all__ = ["Inspection", "Mark", "Notary", "Verdict", "inspect"]
