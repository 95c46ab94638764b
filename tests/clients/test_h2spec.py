"""h2spec, which tries HTTP/2 itself, against `okra serve`. The environment says where it is: H2SPEC."""

import os
import subprocess
from xml.etree import ElementTree

# hyper takes it for HTTP/1.1, and says so before it closes the connection.
KNOWN = {("http2/3.5", "Sends invalid connection preface")}

# A server may have answered, and be done with a stream, before the frame comes that it should refuse. So who fails must
# do so each time.
TIMES = 5


def test_h2spec(address, tmp_path):
    host, port = address.rsplit(":", 1)
    failed = []
    for time in range(TIMES):
        report = tmp_path / f"{time}.xml"
        command = [os.environ["H2SPEC"], "--strict", "-h", host, "-p", port, "-P", "/greeter.v1.Greeter/Hello"]
        subprocess.run([*command, "--junit-report", str(report)], capture_output=True, timeout=300, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
        assert len(cases) == 146
        wrong = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        failed.append({(case.get("package"), case.get("classname")) for case in wrong})
    assert set.intersection(*failed) == KNOWN
