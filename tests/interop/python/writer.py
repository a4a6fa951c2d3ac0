"""Publishes the broadcast "cam" at URL: fragmented MP4 from the standard input, as it comes."""

import asyncio
import sys

import moq


async def main(url):
    async with moq.connect(url, tls_verify=False) as client:
        broadcast = client.create_broadcast("cam")
        stream = broadcast.publish_container_stream(moq.ContainerFormat.FMP4)
        broadcast.announce()
        loop = asyncio.get_running_loop()
        while piece := await loop.run_in_executor(None, sys.stdin.buffer.read1, 65536):
            stream.write(piece)
        stream.finish()
        broadcast.close()


asyncio.run(main(sys.argv[1]))
