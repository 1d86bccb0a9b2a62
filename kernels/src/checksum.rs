//! The CRC-32 of records, sixteen bytes at a time.

use std::sync::LazyLock;

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

/// Made when it is first needed: as data it would be most of what a checksum takes of the wasm.
static CRC: LazyLock<Crc<u32, Table<16>>> =
    LazyLock::new(|| Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC));

/// A checksum of bytes that come in pieces.
pub struct Checksum(Digest<'static, u32, Table<16>>);

impl Default for Checksum {
    fn default() -> Self {
        Checksum(CRC.digest())
    }
}

impl Checksum {
    /// Of all bytes at once.
    #[inline(never)]
    pub fn of(bytes: &[u8]) -> u32 {
        let mut checksum = Checksum::default();
        checksum.update(bytes);
        checksum.finish()
    }

    /// Takes in a piece more.
    #[inline(never)]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all pieces.
    #[inline(never)]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}
