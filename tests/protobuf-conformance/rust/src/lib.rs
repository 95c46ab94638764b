//! A guest that answers each message of protobuf's conformance suite with itself.

okra_guest::generate!();

use echo::Echo;
use okra_guest::Error;
use proto::protobuf_test_messages::editions::{self, TestAllTypesEdition2023};
use proto::protobuf_test_messages::proto2::TestAllTypesProto2;
use proto::protobuf_test_messages::proto3::TestAllTypesProto3;

struct Service;

impl Echo for Service {
    fn proto2(request: TestAllTypesProto2) -> Result<TestAllTypesProto2, Error> {
        Ok(request)
    }

    fn proto3(request: TestAllTypesProto3) -> Result<TestAllTypesProto3, Error> {
        Ok(request)
    }

    fn edition_proto2(
        request: editions::proto2::TestAllTypesProto2,
    ) -> Result<editions::proto2::TestAllTypesProto2, Error> {
        Ok(request)
    }

    fn edition_proto3(
        request: editions::proto3::TestAllTypesProto3,
    ) -> Result<editions::proto3::TestAllTypesProto3, Error> {
        Ok(request)
    }

    fn edition2023(request: TestAllTypesEdition2023) -> Result<TestAllTypesEdition2023, Error> {
        Ok(request)
    }
}

okra_guest::export!(Service);
