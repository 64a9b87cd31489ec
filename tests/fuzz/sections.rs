//! Modules and components as trees of sections, whose sizes come out right whatever is put into them.

const HEADER_BYTES: usize = 8;
/// Sections of a component that hold a module, and a component.
const NESTED: [u8; 2] = [1, 4];
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A module or a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wasm {
    pub(crate) header: Vec<u8>,
    pub(crate) sections: Vec<Section>,
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) content: Content,
}

/// What a section holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Nested(Wasm),
}

impl Wasm {
    /// Takes wasm apart; nothing where it is none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
        if header != COMPONENT && header != MODULE {
            return None;
        }
        let mut sections = Vec::new();
        while let Some((&id, after)) = rest.split_first() {
            let (length, after) = read_number(after)?;
            let (content, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
            let nested =
                (header == COMPONENT && NESTED.contains(&id)).then(|| Self::parse(content));
            let content = match nested.flatten() {
                Some(nested) => Content::Nested(nested),
                None => Content::Bytes(content.to_vec()),
            };
            sections.push(Section { id, content });
            rest = after;
        }
        Some(Self { header: header.to_vec(), sections })
    }

    /// Puts it together again.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        for section in &self.sections {
            let content = match &section.content {
                Content::Bytes(content) => content.clone(),
                Content::Nested(nested) => nested.bytes(),
            };
            bytes.push(section.id);
            write_number(content.len() as u64, &mut bytes);
            bytes.extend(content);
        }
        bytes
    }

    /// All that are in it, itself included.
    pub(crate) fn count(&self) -> usize {
        let nested = |section: &Section| match &section.content {
            Content::Nested(nested) => nested.count(),
            Content::Bytes(_) => 0,
        };
        1 + self.sections.iter().map(nested).sum::<usize>()
    }

    /// One of those, counted from itself.
    pub(crate) fn nth(&mut self, mut number: usize) -> Option<&mut Self> {
        if number == 0 {
            return Some(self);
        }
        number -= 1;
        for section in &mut self.sections {
            let Content::Nested(nested) = &mut section.content else { continue };
            let count = nested.count();
            if number < count {
                return nested.nth(number);
            }
            number -= count;
        }
        None
    }
}

/// Reads a number as wasm writes it.
pub(crate) fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// Writes a number as wasm writes it.
pub(crate) fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
