"""Routes of feedback: none yet beside its health."""

from fastapi import APIRouter

router = APIRouter()
