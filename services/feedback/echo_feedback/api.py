"""HTTP API of the feedback service: no public endpoints yet."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
