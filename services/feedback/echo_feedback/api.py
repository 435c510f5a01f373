"""Routes of the feedback service; none yet except health."""

from fastapi import APIRouter

router = APIRouter()
