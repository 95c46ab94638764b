"""Service `shop.recommendations.v1.Recommendations`."""

import itertools
from collections.abc import Iterator

import okra
from catalogue import CATALOGUE, goes_with
from gen.shop.billing.v1 import BillingClient, ListInvoicesRequest
from gen.shop.recommendations.v1 import (
    Catalogue,
    GetCatalogueRequest,
    Look,
    Recommendation,
    Recommendations,
    RecommendRequest,
    Shelf,
)

BILLING_TIMEOUT = 2.0

Reason = Recommendation.Reason


class RecommendationsService(Recommendations):
    def __init__(self) -> None:
        self.billing = BillingClient()

    def recommend(
        self, request: RecommendRequest, context: okra.Context
    ) -> Iterator[Recommendation]:
        found = self.find(request.user_id)
        return itertools.islice(found, request.limit or None)

    def find(self, user_id: str) -> Iterator[Recommendation]:
        """Reads the invoices only as far as somebody reads what is found."""
        found: set[str] = set()
        with okra.outgoing(timeout=BILLING_TIMEOUT):
            invoices = self.billing.list_invoices(ListInvoicesRequest(user_id))
        for invoice in invoices:
            for line in invoice.lines:
                for text in goes_with(line.text):
                    if text not in found:
                        found.add(text)
                        bought = Recommendation.Bought(invoice.invoice_id, line.text)
                        yield Recommendation(text, Reason.Bought(bought))

    def browse(
        self, requests: Iterator[Look], context: okra.Context
    ) -> Iterator[Recommendation]:
        for look in requests:
            if not look.text:
                raise okra.InvalidArgument("text must not be empty")
            for text in goes_with(look.text):
                yield Recommendation(text, Reason.LookedAt(look.text))

    def get_catalogue(
        self, request: GetCatalogueRequest, context: okra.Context
    ) -> Catalogue:
        return Catalogue({word: Shelf(texts) for word, texts in CATALOGUE.items()})


okra.export(RecommendationsService())
