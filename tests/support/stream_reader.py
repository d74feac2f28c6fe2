"""Reads the coordinator's stream as another program would: python3-zmq and the classes that protoc
made of stream.proto. Ends well when a decision of the topic has the state.
Usage: stream_reader.py ENDPOINT TOPIC STATE"""
import sys

import stream_pb2
import zmq

endpoint, topic, state = sys.argv[1:]
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt_string(zmq.SUBSCRIBE, topic)
socket.setsockopt_string(zmq.SUBSCRIBE, "verdict/")
socket.setsockopt(zmq.RCVTIMEO, 60000)
socket.connect(endpoint)
print("subscribed", flush=True)
verdicts, sequence = set(), 0
while True:
    heard, payload = socket.recv_multipart()
    notice = stream_pb2.Notice.FromString(payload)
    assert notice.version == 1 and notice.sequence > sequence, notice
    sequence = notice.sequence
    if notice.WhichOneof("body") == "verdict":
        assert heard.decode() == "verdict/" + getattr(notice.verdict, "class")
        verdicts.add(notice.verdict.id)
        continue
    decision = notice.decision
    print(heard.decode(), decision.state, decision.generation, flush=True)
    assert heard.decode() == f"decision/{decision.group}/{decision.zone}"
    assert decision.valid_until_us > decision.issued_us
    if decision.state == state:
        assert decision.verdict in verdicts, "the verdict behind it did not come first"
        sys.exit(0)
