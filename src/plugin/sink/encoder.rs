//! Encoders upstream of a pad, and their bit rates.

use gst::{glib, prelude::*};

/// An encoder whose bit rate can be set.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    element: gst::Element,
    property: &'static str,
    /// Bits per second in one unit of the property.
    unit: u64,
}

impl Encoder {
    /// The encoders of pictures from which the pad's data comes, through parsers, muxers, queues and bins.
    pub(super) fn upstream_of(pad: &gst::Pad) -> Vec<Self> {
        let mut found = Vec::new();
        let mut pads: Vec<_> = pad.peer().into_iter().collect();
        // Pipelines have no cycles, but nothing keeps an element from saying that it has.
        for _ in 0..MOST_STEPS {
            let Some(pad) = pads.pop() else { break };
            if let Some(ghost) = pad.downcast_ref::<gst::GhostPad>() {
                pads.extend(ghost.target());
                continue;
            }
            let Some(element) = pad.parent_element() else {
                // The inner side of a bin's input.
                let outer = pad.parent().and_downcast::<gst::GhostPad>();
                pads.extend(outer.and_then(|outer| outer.peer()));
                continue;
            };
            if is_encoder(&element) {
                found.extend(Self::new(element));
                continue;
            }
            pads.extend(inputs(&pad).iter().filter_map(gst::Pad::peer));
        }
        found
    }

    fn new(element: gst::Element) -> Option<Self> {
        let property = ["target-bitrate", "bitrate"]
            .into_iter()
            .find(|name| is_number(&element, name))?;
        let factory = element.factory()?.name();
        let bits = IN_BITS.iter().any(|prefix| factory.starts_with(prefix));
        let unit = if bits { 1 } else { 1000 };
        Some(Self {
            element,
            property,
            unit,
        })
    }

    pub(super) fn element(&self) -> &gst::Element {
        &self.element
    }

    /// In bit/s.
    pub(super) fn bitrate(&self) -> u64 {
        let value = self.element.property_value(self.property);
        let value = value.transform::<i64>().ok();
        let value = value.and_then(|value| value.get::<i64>().ok());
        let units = u64::try_from(value.unwrap_or(0)).unwrap_or(0);
        units.saturating_mul(self.unit)
    }

    /// In bit/s.
    pub(super) fn set_bitrate(&self, rate: u64) {
        let Some(spec) = self.element.find_property(self.property) else {
            return;
        };
        let value = i64::try_from(rate / self.unit)
            .unwrap_or(i64::MAX)
            .to_value();
        // A property of fewer bits takes what fits.
        if let Ok(value) = value.transform_with_type(spec.value_type()) {
            self.element.set_property_from_value(self.property, &value);
        }
    }
}

/// Pads on the other side of the element through which the data of this one comes.
fn inputs(pad: &gst::Pad) -> Vec<gst::Pad> {
    pad.iterate_internal_links()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|pad| pad.direction() == gst::PadDirection::Sink)
        .collect()
}

fn is_encoder(element: &gst::Element) -> bool {
    let class = element.metadata(gst::ELEMENT_METADATA_KLASS);
    class.is_some_and(|class| class.contains("Encoder") && class.contains("Video"))
        && !element.is::<gst::Bin>()
}

fn is_number(element: &gst::Element, name: &str) -> bool {
    let numbers = [
        glib::Type::U32,
        glib::Type::I32,
        glib::Type::U64,
        glib::Type::I64,
    ];
    let spec = element.find_property(name);
    spec.is_some_and(|spec| {
        numbers.contains(&spec.value_type()) && spec.flags().contains(glib::ParamFlags::WRITABLE)
    })
}

/// Encoders that count in bit/s, by the beginnings of their names; the others count in kbit/s.
const IN_BITS: [&str; 7] = [
    "vp8enc",
    "vp9enc",
    "openh264enc",
    "rav1enc",
    "avenc_",
    "omx",
    "nvv4l2",
];

/// Elements between an encoder and a sink, at most.
const MOST_STEPS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_set_in_the_unit_that_they_count_in() {
        gst::init().expect("GStreamer can be started");
        let mut found = 0;
        for (factory, property, value) in [
            ("x264enc", "bitrate", 750),
            ("x265enc", "bitrate", 750),
            ("av1enc", "target-bitrate", 750),
            ("openh264enc", "bitrate", 750_000),
            ("vp8enc", "target-bitrate", 750_000),
            ("vp9enc", "target-bitrate", 750_000),
            ("theoraenc", "bitrate", 750),
            ("avenc_mpeg4", "bitrate", 750_000),
        ] {
            // Not every machine has them all.
            let Ok(element) = gst::ElementFactory::make(factory).build() else {
                continue;
            };
            found += 1;
            assert!(is_encoder(&element), "{factory}");
            let encoder = Encoder::new(element.clone()).expect("it has a rate");
            encoder.set_bitrate(750_000);
            let set = element.property_value(property).transform::<i64>();
            let set = set.expect("a number").get::<i64>();
            assert_eq!(set, Ok(value), "{factory}");
            assert_eq!(encoder.bitrate(), 750_000, "{factory}");
        }
        assert!(found > 0, "no encoder is installed");
    }
}
