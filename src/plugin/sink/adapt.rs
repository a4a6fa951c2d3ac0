//! What bit rate encoders are to have, by what the network carries.

/// Follows the network: down at once, up step by step.
#[derive(Debug, Default)]
pub(super) struct Controller {
    target: Option<u64>,
}

/// What one second has shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second {
    /// What the network would carry, in bit/s.
    pub(super) network: u64,
    /// What other tracks need of it.
    pub(super) others: u64,
    /// What the encoders are set to.
    pub(super) current: u64,
    /// Groups came too late.
    pub(super) late: bool,
}

impl Controller {
    /// The bit rate for all encoders together. `None` while it is right as it is.
    pub(super) fn next(&mut self, second: Second, limits: (u64, u64)) -> Option<u64> {
        let (min, max) = limits;
        let room = percent(second.network, SHARE).saturating_sub(second.others);
        let before = self.target.unwrap_or(second.current);
        let next = if second.late {
            room.min(percent(before, BACK_OFF))
        } else {
            room.min(percent(before, GROWTH))
        };
        let next = next.min(max).max(min);
        self.target = Some(next);
        (next.abs_diff(second.current) > percent(second.current, NOTHING)).then_some(next)
    }
}

fn percent(rate: u64, percent: u64) -> u64 {
    (rate / 100).saturating_mul(percent)
}

/// How much of the network may be filled: headers, and what is sent twice, need the rest. In percent, as those below.
const SHARE: u64 = 85;

/// What is left when groups are late.
const BACK_OFF: u64 = 70;

/// From one second to the next.
const GROWTH: u64 = 115;

/// Changes that are not worth one.
const NOTHING: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: (u64, u64) = (200_000, 3_000_000);

    fn second(network: u64, current: u64) -> Second {
        Second {
            network,
            others: 100_000,
            current,
            late: false,
        }
    }

    #[test]
    fn it_falls_at_once_and_rises_step_by_step() {
        let mut controller = Controller::default();
        let down = controller.next(second(1_000_000, 2_000_000), LIMITS);
        assert_eq!(down, Some(750_000));
        let up = controller.next(second(9_000_000, 750_000), LIMITS);
        assert_eq!(up, Some(862_500));
        let mut current = 862_500;
        for _ in 0..20 {
            current = controller
                .next(second(9_000_000, current), LIMITS)
                .unwrap_or(current);
        }
        assert_eq!(current, LIMITS.1);
    }

    #[test]
    fn late_groups_count_more_than_estimates() {
        let mut controller = Controller::default();
        let late = Second {
            late: true,
            ..second(9_000_000, 1_000_000)
        };
        assert_eq!(controller.next(late, LIMITS), Some(700_000));
    }

    #[test]
    fn the_limits_hold() {
        let mut controller = Controller::default();
        assert_eq!(
            controller.next(second(1_000, 300_000), LIMITS),
            Some(LIMITS.0)
        );
        let mut controller = Controller::default();
        let next = controller.next(second(99_000_000, 5_000_000), LIMITS);
        assert_eq!(next, Some(LIMITS.1));
    }

    #[test]
    fn small_changes_are_none() {
        let mut controller = Controller::default();
        assert_eq!(controller.next(second(1_000_000, 740_000), LIMITS), None);
    }
}
