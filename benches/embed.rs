//! The vectors of texts by the built-in table, for `peers/run.mjs`: takes a text a line, writes little-endian f32.

use std::{
    env, fs,
    io::{self, BufWriter, Write},
};

use smolrag::builtin::StaticEmbedder;

fn main() -> io::Result<()> {
    let table = fs::read(env::args().nth(1).expect("embed TABLE < texts > vectors"))?;
    let embedder = StaticEmbedder::new(table).map_err(io::Error::other)?;
    let mut vectors = BufWriter::new(io::stdout().lock());
    for text in io::stdin().lines() {
        for number in embedder.embed_one(&text?) {
            vectors.write_all(&number.to_le_bytes())?;
        }
    }
    vectors.flush()
}
