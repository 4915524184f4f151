"""What users do: register, pay, queue work, look themselves up."""

import asyncio
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from pydantic import BaseModel, Field

from .database import EmailTakenError, UnknownUserError
from .service import Service
from .tokens import InvalidTokenError

LONGEST_DELAY_S = 30.0
Amount = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]


def service_of(request: Request) -> Service:
    """Return the worker's service."""
    service: Service = request.app.state.service
    return service


Parts = Annotated[Service, Depends(service_of)]


async def edge(
    service: Parts,
    x_mita_fail: Annotated[str | None, Header()] = None,
    x_mita_delay: Annotated[str | None, Header()] = None,
) -> None:
    """Let the release's faults, and in the lab the request itself, slow down or fail this request."""
    for fault in service.settings.faults:
        await fault.before_request()
    if service.settings.lab and x_mita_delay:
        await asyncio.sleep(delay_seconds(x_mita_delay))
    if service.settings.lab and x_mita_fail == "1":
        raise HTTPException(500, "failed because X-Mita-Fail asked for it")


def delay_seconds(text: str) -> float:
    """Return the seconds a request header asks for; 400 when they make no sense."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_DELAY_S:
        raise HTTPException(400, f"X-Mita-Delay: expected 0 to {LONGEST_DELAY_S:g} seconds, found {text!r}")
    return seconds


async def signed_in(service: Parts, authorization: Annotated[str | None, Header()] = None) -> None:
    """Refuse a token that is not ours. Without a token anybody may look: this is a service to test with."""
    if authorization is not None:
        try:
            service.verify(authorization.removeprefix("Bearer "))
        except (InvalidTokenError, ValueError, KeyError) as error:
            raise HTTPException(401, "expected a token from /api/register that is still valid") from error


router = APIRouter(prefix="/api", dependencies=[Depends(edge)])


class Registration(BaseModel):
    email: str = Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")


class Transaction(BaseModel):
    user_id: int
    amount: Amount


class Revenue(BaseModel):
    source: str = Field(default="web", max_length=64)
    amount: Amount


class Job(BaseModel):
    kind: str = Field(default="email", max_length=64)


@router.post("/register", status_code=201, responses={409: {}, 422: {}})
async def register(body: Registration, service: Parts) -> dict[str, object]:
    """Add a user and sign them in."""
    service.metrics.registration_attempts.inc()
    try:
        user_id = await service.database.register(body.email)
    except EmailTakenError as error:
        raise HTTPException(409, "expected a new address, found one that is registered; sign in") from error
    token = service.sign(user_id)
    await service.cache.remember_session(token, user_id)
    service.metrics.registrations.inc()
    return {"user_id": user_id, "token": token}


@router.post("/transactions", status_code=201, responses={404: {}, 422: {}})
async def transact(body: Transaction, service: Parts) -> dict[str, object]:
    """Store a payment of a user."""
    metrics = service.metrics
    with metrics.processing(metrics.transactions, metrics.transaction_errors):
        try:
            transaction_id = await service.database.transact(body.user_id, body.amount)
        except UnknownUserError as error:
            raise HTTPException(
                404, f"expected a registered user, found none with id {body.user_id}"
            ) from error
        await service.cache.note_active(body.user_id)
    return {"transaction_id": transaction_id}


@router.post("/revenue", status_code=201, responses={422: {}})
async def book_revenue(body: Revenue, service: Parts) -> dict[str, object]:
    """Store a revenue event."""
    metrics = service.metrics
    with metrics.processing(metrics.revenue, metrics.revenue_errors):
        revenue_id = await service.database.book_revenue(body.source, body.amount)
    return {"revenue_id": revenue_id}


@router.post("/queue/jobs", status_code=202, responses={422: {}})
async def enqueue(body: Job, service: Parts) -> dict[str, object]:
    """Leave a job for later."""
    return {"depth": await service.cache.enqueue("jobs", body.model_dump())}


@router.get("/users/{user_id}", dependencies=[Depends(signed_in)], responses={401: {}, 404: {}, 422: {}})
async def user(user_id: int, service: Parts) -> dict[str, object]:
    """Return a user with their transactions counted and summed."""
    try:
        found = await service.database.user(user_id)
    except UnknownUserError as error:
        raise HTTPException(404, f"expected a registered user, found none with id {user_id}") from error
    await service.cache.note_active(user_id)
    return found
