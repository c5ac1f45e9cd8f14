"""Requests made from the API's description, valid and not, to the real process on a SQLite file."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
import schemathesis
from asking import TOKEN
from hypothesis import settings
from running import running
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from crm.api.app import create_app

api = schemathesis.openapi.from_dict(create_app().openapi())

CONDITIONS = {"if-match", "if-none-match", "idempotency-key"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("crm") / "crm.db"
    # Nobody reads its log meanwhile.
    settings = {"CRM_DATABASE_URL": f"sqlite:///{file}", "LOG_LEVEL": "error", "APP_API_TOKEN": TOKEN}
    with running(**settings) as (_, client):
        yield str(client.base_url)


# Random requests for each operation, beside those at each limit that the description names.
@api.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True)
def test_every_answer_is_as_described(case: schemathesis.Case, url: str) -> None:
    response = case.call(base_url=url, headers={"dapr-api-token": TOKEN})
    excluded = []
    if CONDITIONS & {name.lower() for name in case.headers}:
        excluded.append(positive_data_acceptance)  # it depends on what was before, which no description can say
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        excluded.append(negative_data_rejection)  # a condition is looked at before what a body would make
    case.validate_response(response, excluded_checks=excluded)
