package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	pb "grpcgo/gen/ported/routes/v1"

	"okra/grpc"
	"okra/proto"
)

type routeGuide struct {
	pb.UnimplementedRouteGuideServer
	features []*pb.Feature

	mu    sync.Mutex
	notes map[string][]*pb.RouteNote
}

func newRouteGuide() *routeGuide {
	return &routeGuide{notes: make(map[string][]*pb.RouteNote), features: []*pb.Feature{
		{Name: "Patriots Path, Mendham", Location: &pb.Point{Latitude: 407838351, Longitude: -746143763}},
		{Name: "Here", Location: &pb.Point{Latitude: 413628156, Longitude: -749015468}},
		{Name: "South", Location: &pb.Point{Latitude: 1, Longitude: 2}},
	}}
}

func (s *routeGuide) GetFeature(ctx context.Context, point *pb.Point) (*pb.Feature, error) {
	for _, feature := range s.features {
		if proto.Equal(feature.Location, point) {
			return feature, nil
		}
	}
	return &pb.Feature{Location: point}, nil
}

func (s *routeGuide) ListFeatures(rect *pb.Rectangle, stream grpc.ServerStreamingServer[pb.Feature]) error {
	for _, feature := range s.features {
		at := feature.Location
		if at.Latitude >= rect.Lo.GetLatitude() && at.Latitude <= rect.Hi.GetLatitude() {
			if err := stream.Send(feature); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *routeGuide) RecordRoute(stream grpc.ClientStreamingServer[pb.Point, pb.RouteSummary]) error {
	var points, features, distance int32
	var last *pb.Point
	start := time.Now()
	for {
		point, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.RouteSummary{
				PointCount:   points,
				FeatureCount: features,
				Distance:     distance,
				ElapsedTime:  int32(time.Since(start).Seconds()),
			})
		}
		if err != nil {
			return err
		}
		points++
		for _, feature := range s.features {
			if proto.Equal(feature.Location, point) {
				features++
			}
		}
		if last != nil {
			distance += between(last, point)
		}
		last = point
	}
}

func (s *routeGuide) RouteChat(stream pb.RouteGuide_RouteChatServer) error {
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		key := fmt.Sprintf("%d %d", in.Location.GetLatitude(), in.Location.GetLongitude())
		s.mu.Lock()
		before := s.notes[key]
		s.notes[key] = append(before[:len(before):len(before)], in)
		s.mu.Unlock()
		for _, note := range before {
			if err := stream.Send(note); err != nil {
				return err
			}
		}
	}
}

// between is the distance on the earth, in metres.
func between(one, other *pb.Point) int32 {
	radians := func(e7 int32) float64 { return float64(e7) / 1e7 * math.Pi / 180 }
	lat1, lat2 := radians(one.Latitude), radians(other.Latitude)
	dlat, dlng := lat2-lat1, radians(other.Longitude)-radians(one.Longitude)
	a := math.Pow(math.Sin(dlat/2), 2) + math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin(dlng/2), 2)
	return int32(6371000 * 2 * math.Atan2(math.Sqrt(a), math.Sqrt(1-a)))
}
