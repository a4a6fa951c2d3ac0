"""Reads the tracks of the broadcast "cam" from URL, and says each frame in a line of JSON, COUNT of each track."""

import asyncio
import hashlib
import json
import sys

import moq


def say(**words):
    print(json.dumps(words), flush=True)


async def read(broadcast, name, entry, count):
    container = entry.container
    kinds = {"legacy": container.is_legacy, "loc": container.is_loc, "cmaf": container.is_cmaf}
    say(track=name, codec=entry.codec, container=next(kind for kind, is_it in kinds.items() if is_it()))
    media = await broadcast.subscribe_media(name, entry)
    async for frame in media:
        digest = hashlib.sha256(frame.payload).hexdigest()
        say(track=name, time=frame.timestamp_us, keyframe=frame.keyframe, sha256=digest)
        count -= 1
        if count == 0:
            break
    media.cancel()


async def main(url, count):
    async with moq.connect(url, tls_verify=False) as client:
        broadcast = await client.announced_broadcast("cam").available()
        catalog = await broadcast.catalog()
        tracks = {**catalog.video, **catalog.audio}
        await asyncio.gather(*(read(broadcast, name, entry, count) for name, entry in tracks.items()))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
