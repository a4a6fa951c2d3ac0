//! Answering: one request for each connection, in the clear or over TLS on the same port.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    PATH,
    head::{self, HEAD_LIMIT, Refusal},
    site::{Body, Found, Site},
};
use crate::net::keeper::Keeper;

/// What is served.
#[derive(Clone)]
pub(in crate::net) struct Service {
    pub(in crate::net) keeper: Arc<Keeper>,
    pub(in crate::net) tls: TlsAcceptor,
    pub(in crate::net) site: Site,
}

/// Reads one request and answers it, within bounded time.
///
/// A browser lets pages have pictures and sound only where they come from this machine or over TLS, so a connection that
/// begins with a TLS handshake gets one.
pub(in crate::net) async fn serve(service: Service, stream: TcpStream) -> io::Result<()> {
    let mut first = [0];
    if within(HEAD_TIME, stream.peek(&mut first)).await? == 0 {
        return Ok(());
    }
    if first[0] == TLS_HANDSHAKE {
        let stream = within(HEAD_TIME, service.tls.accept(stream)).await?;
        talk(service, stream).await
    } else {
        talk(service, stream).await
    }
}

async fn talk(service: Service, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut head = Vec::new();
    let request = within(HEAD_TIME, async {
        loop {
            if let Some(request) = head::parse(&head) {
                return Ok(Some(request));
            }
            let room = (HEAD_LIMIT + 1 - head.len()) as u64;
            if (&mut stream).take(room).read_buf(&mut head).await? == 0 {
                return Ok(None);
            }
        }
    })
    .await?;
    let Some(request) = request else {
        return Ok(());
    };
    within(ANSWER_TIME, async {
        match request {
            Err(refusal) => refuse(&mut stream, refusal, true).await?,
            Ok(request) if request.path == PATH => {
                let mut text = service.keeper.fingerprint().to_string();
                // A line for people and scripts. Players in other pages do not take the end of it off.
                if !request.from_elsewhere {
                    text.push('\n');
                }
                let head = answer("200 OK", TEXT, ANYWHERE, text.len() as u64);
                stream.write_all(head.as_bytes()).await?;
                if request.with_body {
                    stream.write_all(text.as_bytes()).await?;
                }
            }
            Ok(request) => match service.site.find(&request.path).await {
                None => refuse(&mut stream, Refusal::NotFound, request.with_body).await?,
                Some(found) => send(&mut stream, found, request.with_body).await?,
            },
        }
        stream.shutdown().await
    })
    .await?;
    // Closing over unread bytes would reset the connection and could take the answer with it.
    let mut rest = stream.take(REST_LIMIT);
    within(
        REST_TIME,
        tokio::io::copy(&mut rest, &mut tokio::io::sink()),
    )
    .await?;
    Ok(())
}

async fn refuse(
    stream: &mut (impl AsyncWrite + Unpin),
    refusal: Refusal,
    with_body: bool,
) -> io::Result<()> {
    let allow = match refusal {
        Refusal::Method => "Allow: GET, HEAD\r\n",
        _ => "",
    };
    let text = refusal.text();
    let head = answer(refusal.status(), TEXT, allow, text.len() as u64);
    stream.write_all(head.as_bytes()).await?;
    if with_body {
        stream.write_all(text.as_bytes()).await?;
    }
    Ok(())
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    found: Found,
    with_body: bool,
) -> io::Result<()> {
    let head = answer("200 OK", found.content_type, found.headers, found.length);
    stream.write_all(head.as_bytes()).await?;
    match found.body {
        _ if !with_body => Ok(()),
        Body::Text(bytes) => stream.write_all(bytes).await,
        Body::File(file) => {
            let mut file = file.take(found.length);
            if tokio::io::copy(&mut file, stream).await? < found.length {
                return Err(io::Error::other("the file has become shorter"));
            }
            Ok(())
        }
    }
}

fn answer(status: &str, content_type: &str, extra: &str, length: u64) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{extra}\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
}

async fn within<T>(limit: Duration, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, doing)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The fingerprint is no secret: any page may read it.
const ANYWHERE: &str =
    "Access-Control-Allow-Origin: *\r\nCross-Origin-Resource-Policy: cross-origin\r\n";

/// The type of the first TLS record.
const TLS_HANDSHAKE: u8 = 22;

/// Bytes after the head that are read and thrown away.
const REST_LIMIT: u64 = 64 << 10;

/// For a TLS handshake, and for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// For the whole of an answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// For the peer to close its side.
const REST_TIME: Duration = Duration::from_secs(2);
