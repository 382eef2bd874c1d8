//! The UDP socket of one participant, and a bad network for tests.

use super::error::Lost;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use str0m::net::Transmit;
use tokio::net::UdpSocket;

/// Longest datagram that is read; WebRTC keeps below the 1,500 of Ethernet.
pub const DATAGRAM_BYTES_MAX: usize = 2_000;

/// Loses a part of what arrives: for tests of what happens then.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairment {
    /// From 0 (nothing) to 1 (everything). Media only: connectivity checks and the handshake pass.
    pub loss: f64,
    /// The same seed loses the same.
    pub seed: u64,
}

/// A socket.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    local: SocketAddr,
    loss: f64,
    chance: StdRng,
}

impl Udp {
    /// On any port of the address.
    ///
    /// # Errors
    /// When there is none.
    pub async fn bind(ip: IpAddr, impairment: Impairment) -> Result<Udp, Lost> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let local = socket.local_addr()?;
        Ok(Udp { socket, local, loss: impairment.loss.clamp(0.0, 1.0), chance: StdRng::seed_from_u64(impairment.seed) })
    }

    /// Its own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits for a datagram. Nothing is lost when this is given up. Refusals from the other side, which arrive as errors here, are
    /// not worth more than a lost datagram.
    ///
    /// # Errors
    /// When the socket is broken.
    pub async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Lost> {
        loop {
            let (length, from) = match self.socket.recv_from(buffer).await {
                Ok(received) => received,
                Err(error) if is_passing(error.kind()) => continue,
                Err(error) => return Err(error.into()),
            };
            if !self.loses(buffer.first()) {
                return Ok((length, from));
            }
        }
    }

    /// A datagram that is there already.
    pub fn receive_now(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.socket.try_recv_from(buffer).ok()?;
            if !self.loses(buffer.first()) {
                return Some((length, from));
            }
        }
    }

    /// RTP and RTCP begin with version 2 in the upper bits (RFC 7983).
    fn loses(&mut self, first: Option<&u8>) -> bool {
        self.loss > 0.0 && first.is_some_and(|byte| (128..=191).contains(byte)) && self.chance.random_bool(self.loss)
    }

    /// Sends a datagram. As with UDP in general, nobody says whether it arrives.
    pub async fn send(&self, transmit: &Transmit) {
        let _ = self.socket.send_to(&transmit.contents, transmit.destination).await;
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
        || matches!(kind, ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}
