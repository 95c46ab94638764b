"""Mail and recommendations of a shop, as one writes them for grpcio: nested messages, a map, a oneof, a stub."""

import random

from gen.ported.shop.v1 import pb2 as shop_pb2
from gen.ported.shop.v1 import pb2_grpc as shop_pb2_grpc
from okra import grpc
from okra.grpc import empty_pb2, json_format


class EmailService(shop_pb2_grpc.EmailServiceServicer):
    def SendOrderConfirmation(self, request, context):
        if not request.HasField("order"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no order")
        return empty_pb2.Empty()

    def Render(self, request, context):
        order = shop_pb2.Order()
        order.CopyFrom(request.order)
        gift = order.items.add(product_id="GIFT", quantity=1)
        gift.cost.currency = shop_pb2.CURRENCY_EUR
        order.items.extend([shop_pb2.Item(product_id="CARD")])
        order.labels["mailed"] = request.email
        if order.WhichOneof("delivery") is None:
            order.pickup.store = "main"
        elif order.HasField("address"):
            order.address += ", by post"
        order.placed.FromSeconds(86400)
        lines = [
            "%s x %d (%s)"
            % (item.product_id, item.quantity, shop_pb2.Currency.Name(item.cost.currency))
            for item in order.items
        ]
        again = json_format.Parse(json_format.MessageToJson(order), shop_pb2.Order())
        assert again == order
        return shop_pb2.Rendered(text="\n".join(lines), order=order)


class RecommendationService(shop_pb2_grpc.RecommendationServiceServicer):
    def ListRecommendations(self, request, context):
        stub = shop_pb2_grpc.ProductCatalogServiceStub(grpc.insecure_channel("catalog:3550"))
        try:
            found = stub.ListProducts(empty_pb2.Empty(), timeout=5)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        others = sorted({product.id for product in found.products} - set(request.product_ids))
        chosen = random.sample(range(len(others)), min(5, len(others)))
        response = shop_pb2.ListRecommendationsResponse()
        response.product_ids.extend(others[index] for index in sorted(chosen))
        return response


class ProductCatalogService(shop_pb2_grpc.ProductCatalogServiceServicer):
    def ListProducts(self, request, context):
        response = shop_pb2.ListProductsResponse()
        for name in ("Cup", "Hat", "Sock"):
            product = response.products.add()
            product.id = name.upper()
            product.name = name
        return response


def add_to(server):
    shop_pb2_grpc.add_EmailServiceServicer_to_server(EmailService(), server)
    shop_pb2_grpc.add_RecommendationServiceServicer_to_server(RecommendationService(), server)
    shop_pb2_grpc.add_ProductCatalogServiceServicer_to_server(ProductCatalogService(), server)
