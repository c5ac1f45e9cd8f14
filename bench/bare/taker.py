"""What a sidecar is to CRM when nothing goes wrong: each bulk is taken, with an empty answer."""

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/v1.0/publish/bulk/{pubsub}/{topic}")
async def take(request: Request) -> Response:
    """Take a bulk."""
    await request.body()
    return Response(status_code=204)
