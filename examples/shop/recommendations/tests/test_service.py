import okra.testing
import pytest
from collections.abc import Iterator
from gen.shop.billing.v1 import (
    Billing,
    CreateInvoiceRequest,
    GetInvoiceRequest,
    ImportInvoicesResponse,
    Invoice,
    Line,
    ListInvoicesRequest,
)
from gen.shop.recommendations.v1 import (
    GetCatalogueRequest,
    Look,
    Recommendation,
    RecommendRequest,
)
from service import BILLING_TIMEOUT, RecommendationsService


class FakeBilling(Billing):
    """Has two invoices of a user, and remembers how far they were read."""

    def __init__(self) -> None:
        self.read = 0
        self.timeout: float | None = None

    def list_invoices(
        self, request: ListInvoicesRequest, context: okra.Context
    ) -> Iterator[Invoice]:
        self.timeout = context.timeout
        if request.user_id != "u-3":
            raise okra.NotFound(f"no user {request.user_id}")
        for number, text in enumerate(["Green tea", "Tables, folding, for tea"]):
            self.read += 1
            yield Invoice(f"i-{number}", lines=[Line(text, quantity=1)])

    def create_invoice(
        self, request: CreateInvoiceRequest, context: okra.Context
    ) -> Invoice:
        raise okra.Unimplemented()

    def get_invoice(self, request: GetInvoiceRequest, context: okra.Context) -> Invoice:
        raise okra.Unimplemented()

    def import_invoices(
        self, requests: Iterator[CreateInvoiceRequest], context: okra.Context
    ) -> ImportInvoicesResponse:
        raise okra.Unimplemented()


def recommend(billing: Billing, request: RecommendRequest) -> list[Recommendation]:
    with okra.testing.fake(billing):
        context = okra.testing.Context()
        return list(RecommendationsService().recommend(request, context))


def test_what_goes_with_the_invoices_is_found_once() -> None:
    billing = FakeBilling()
    found = recommend(billing, RecommendRequest("u-3"))
    texts = [recommendation.text for recommendation in found]
    assert texts == ["Teapot", "Biscuits", "Lamp for night work", "Slide rule"]
    bought = Recommendation.Bought("i-1", "Tables, folding, for tea")
    assert found[2].reason == Recommendation.Reason.Bought(bought)
    assert billing.timeout == BILLING_TIMEOUT


def test_invoices_are_read_as_far_as_they_are_needed() -> None:
    billing = FakeBilling()
    assert len(recommend(billing, RecommendRequest("u-3", limit=1))) == 1
    assert billing.read == 1


def test_an_unknown_user_is_the_callers_mistake() -> None:
    with pytest.raises(okra.NotFound, match="u-9"):
        recommend(FakeBilling(), RecommendRequest("u-9"))


def test_looks_are_answered_one_by_one() -> None:
    looks = iter([Look("Tea"), Look("Nothing"), Look("")])
    found = RecommendationsService().browse(looks, okra.testing.Context())
    first = next(found)
    assert first.text == "Teapot"
    match first.reason:
        case Recommendation.Reason.LookedAt(text):
            assert text == "Tea"
        case _:
            pytest.fail(f"another reason: {first.reason}")
    with pytest.raises(okra.InvalidArgument):
        list(found)


def test_the_catalogue_has_a_shelf_for_each_word() -> None:
    context = okra.testing.Context()
    catalogue = RecommendationsService().get_catalogue(GetCatalogueRequest(), context)
    assert catalogue.shelves["tea"].texts == ["Teapot", "Biscuits"]
