"""The route guide of gRPC's examples, as one writes it for grpcio: the four shapes of calls."""

import math
import time

from gen.ported.routes.v1 import pb2 as route_guide_pb2
from gen.ported.routes.v1 import pb2_grpc as route_guide_pb2_grpc

FEATURES = [
    route_guide_pb2.Feature(
        name=name, location=route_guide_pb2.Point(latitude=latitude, longitude=longitude)
    )
    for name, latitude, longitude in [
        ("Patriots Path, Mendham", 407838351, -746143763),
        ("101 New Jersey 10, Whippany", 408122808, -743999179),
        ("U.S. 6, Shohola", 413628156, -749015468),
    ]
]


def feature_at(point):
    for feature in FEATURES:
        if feature.location == point:
            return feature
    return None


def distance(start, end):
    """In metres, over a sphere."""
    factor = 10_000_000.0
    first, second = (math.radians(it.latitude / factor) for it in (start, end))
    across = math.radians((end.longitude - start.longitude) / factor)
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return 6_371_000 * 2 * math.atan2(math.sqrt(half), math.sqrt(1 - half))


class RouteGuideServicer(route_guide_pb2_grpc.RouteGuideServicer):
    def GetFeature(self, request, context):
        feature = feature_at(request)
        if feature is None:
            return route_guide_pb2.Feature(name="", location=request)
        return feature

    def ListFeatures(self, request, context):
        left = min(request.lo.longitude, request.hi.longitude)
        right = max(request.lo.longitude, request.hi.longitude)
        bottom = min(request.lo.latitude, request.hi.latitude)
        top = max(request.lo.latitude, request.hi.latitude)
        for feature in FEATURES:
            place = feature.location
            if left <= place.longitude <= right and bottom <= place.latitude <= top:
                yield feature

    def RecordRoute(self, request_iterator, context):
        points, features, metres, before = 0, 0, 0.0, None
        start = time.time()
        for point in request_iterator:
            points += 1
            if feature_at(point):
                features += 1
            if before:
                metres += distance(before, point)
            before = point
        return route_guide_pb2.RouteSummary(
            point_count=points,
            feature_count=features,
            distance=int(metres),
            elapsed_time=int(time.time() - start),
        )

    def RouteChat(self, request_iterator, context):
        notes = []
        for new in request_iterator:
            for note in notes:
                if note.location == new.location:
                    yield note
            notes.append(new)


def add_to(server):
    route_guide_pb2_grpc.add_RouteGuideServicer_to_server(RouteGuideServicer(), server)
