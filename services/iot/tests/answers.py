"""What answers look like."""

from httpx import Response


def is_problem(answer: Response, status: int) -> bool:
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
        and bool(answer.json()["detail"])
    )
