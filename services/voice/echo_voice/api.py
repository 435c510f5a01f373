"""Routes of voice: none yet beside its health."""

from fastapi import APIRouter

router = APIRouter()
