//! Changes to wasm: of its sections, of numbers and bytes in them, and of what has no structure.

use super::random::Random;
use super::sections::{Content, Section, Wasm, read_number, write_number};

/// What grows larger is cut: an input should take milliseconds.
const MOST_BYTES: usize = 400_000;

/// Numbers at the edges of what something counts.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    0x3f,
    0x40,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xfff,
    0x1000,
    0xffff,
    0x1_0000,
    0x1_0001,
    100_000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes wasm in some ways, with parts of another where that is wanted.
pub(crate) fn mutated(of: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = of.to_vec();
    for _ in 0..=random.below(4) {
        bytes = match Wasm::parse(&bytes) {
            // Without structure from time to time, so that sizes are wrong too.
            Some(wasm) if !random.one_in(6) => structured(wasm, other, random),
            _ => unstructured(bytes, random),
        };
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

fn structured(mut wasm: Wasm, other: &[u8], random: &mut Random) -> Vec<u8> {
    let number = random.below(wasm.count());
    let Some(part) = wasm.nth(number) else { return wasm.bytes() };
    let count = part.sections.len();
    let at = random.below(count);
    match random.below(12) {
        0 if count > 0 => drop(part.sections.remove(at)),
        1 if count > 0 => {
            let again = part.sections[at].clone();
            part.sections.insert(random.below(count + 1), again);
        }
        2 if count > 1 => part.sections.swap(at, random.below(count)),
        3 => {
            if let Some(mut other) = Wasm::parse(other) {
                let number = random.below(other.count());
                if let Some(from) = other.nth(number).filter(|from| !from.sections.is_empty()) {
                    let taken = random.pick(&from.sections).clone();
                    part.sections.insert(random.below(count + 1), taken);
                }
            }
        }
        4 => {
            if let Some(other) = Wasm::parse(other) {
                let id = if other.header[4] == 1 { 1 } else { 4 };
                part.sections.push(Section { id, content: Content::Nested(other) });
            }
        }
        5 if count > 0 => part.sections[at].id = random.number() as u8 % 16,
        6 if random.one_in(4) => {
            let index = random.below(part.header.len());
            part.header[index] = random.number() as u8;
        }
        _ if count > 0 => {
            if let Content::Bytes(content) = &mut part.sections[at].content {
                for _ in 0..=random.below(3) {
                    edit(content, random);
                }
            }
        }
        _ => {}
    }
    wasm.bytes()
}

/// Changes a section's content. Names and numbers stay such, more often than not.
fn edit(content: &mut Vec<u8>, random: &mut Random) {
    if content.is_empty() {
        return content.push(random.number() as u8);
    }
    let at = random.below(content.len());
    match random.below(8) {
        // A number in the place of what may be one.
        0..3 => {
            let Some((number, rest)) = read_number(&content[at..]) else { return };
            let end = content.len() - rest.len();
            let changed = match random.below(3) {
                0 => *random.pick(EDGES),
                1 => number.wrapping_add(1),
                _ => number.wrapping_sub(1),
            };
            let mut written = Vec::new();
            write_number(changed, &mut written);
            content.splice(at..end, written);
        }
        3 => content[at] = random.number() as u8,
        4 => content[at] ^= 1 << random.below(8),
        5 => drop(content.remove(at)),
        6 => content.insert(at, random.number() as u8),
        _ => {
            let end = (at + 1 + random.below(32)).min(content.len());
            let piece = content[at..end].to_vec();
            let to = random.below(content.len());
            for _ in 0..=random.below(3) {
                content.splice(to..to, piece.iter().copied());
            }
        }
    }
}

fn unstructured(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => {
            let length = random.below(bytes.len() + 1);
            bytes.truncate(length);
        }
        1 => bytes.extend((0..random.below(64)).map(|_| random.number() as u8)),
        _ => edit(&mut bytes, random),
    }
    bytes
}
