//! Plot: a transfer with its losses as a picture: time and sequence of its beginning, and windows.

mod course;

use core::time::Duration;
use std::io;

use course::{Course, Moment, beginning};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::guard::guarded;
use crate::{Controller, Path};

/// Draws what a sender under `controller` does on `path` for `time`, as SVG.
///
/// # Errors
/// If the run breaks an invariant, or the picture cannot be drawn.
pub fn svg(path: Path, controller: Controller, time: Duration) -> io::Result<String> {
    let course = guarded(|| Course::run(path, controller, time, MOMENTS_MAX));
    let course = course.map_err(|violation| io::Error::other(violation.to_string()))?;
    let title = format!("{}: {path}", controller.name);
    let mut svg = String::new();
    draw(&course, &title, time, &mut svg).map_err(|error| io::Error::other(error.to_string()))?;
    // One line a shape, so that a change is a small difference between two versions.
    Ok(svg.replace("/><", "/>\n<"))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Fault<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(
    course: &Course,
    title: &str,
    time: Duration,
    svg: &'a mut String,
) -> Result<(), Fault<'a>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (above, below) = area.titled(title, FONT.into_font())?.split_vertically(ABOVE_HEIGHT);

    let until = |end: Duration, of: fn(&Moment) -> u64, unit: f64| -> Vec<(f64, f64)> {
        let moments = course.moments.iter().take_while(|moment| moment.time <= end);
        moments.map(|it| (it.time.as_secs_f64(), of(it) as f64 / unit)).collect()
    };
    let end = beginning(time);
    let line = |of| until(end, of, KILOBYTE);
    let dots = |of: &[(Duration, u64)]| -> Vec<(f64, f64)> {
        let of = of.iter().take_while(|(time, _)| *time <= end);
        of.map(|(time, offset)| (time.as_secs_f64(), *offset as f64 / KILOBYTE)).collect()
    };
    let sent = line(|it| it.sent);
    let mut chart = panel(&above, "sequence, kB", end, &sent)?;
    trace(&mut chart, "sent", GREY, sent)?;
    trace(&mut chart, "acknowledged", DARK, line(|it| it.acknowledged))?;
    scatter(&mut chart, "lost", RED, dots(&course.lost))?;
    scatter(&mut chart, "sent again", GREEN, dots(&course.again))?;
    legend(&mut chart)?;

    let line = |of| until(time, of, KILOBYTE);
    let cwnd = line(|it| it.cwnd);
    let mut chart = panel(&below, "window, kB", time, &cwnd)?;
    trace(&mut chart, "in flight", GREY, line(|it| it.in_flight))?;
    trace(&mut chart, "cwnd", DARK, cwnd)?;
    legend(&mut chart)?;
    area.present()
}

/// A chart from the start to `end`, as high as the highest of `points`.
fn panel<'a>(
    area: &Area<'a>,
    quantity: &str,
    end: Duration,
    points: &[(f64, f64)],
) -> Result<Chart<'a>, Fault<'a>> {
    let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .x_label_area_size(3 * MARGIN)
        .y_label_area_size(6 * MARGIN)
        .build_cartesian_2d(0.0..end.as_secs_f64(), 0.0..highest * 1.05)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("seconds").y_desc(quantity).light_line_style(WHITE).draw()?;
    Ok(chart)
}

fn trace<'a>(
    chart: &mut Chart<'a>,
    name: &str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
) -> Result<(), Fault<'a>> {
    let key = move |(x, y)| PathElement::new([(x, y), (x + 2 * DOT, y)], color);
    chart.draw_series(LineSeries::new(points, color))?.label(name).legend(key);
    Ok(())
}

fn scatter<'a>(
    chart: &mut Chart<'a>,
    name: &str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
) -> Result<(), Fault<'a>> {
    let dots = points.into_iter().map(|point| Circle::new(point, DOT / 4, color.filled()));
    let key = move |(x, y)| Circle::new((x + DOT, y), DOT / 4, color.filled());
    chart.draw_series(dots)?.label(name).legend(key);
    Ok(())
}

fn legend<'a>(chart: &mut Chart<'a>) -> Result<(), Fault<'a>> {
    let mut labels = chart.configure_series_labels();
    labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()
}

/// Enough for one in a pixel and a half.
const MOMENTS_MAX: u32 = 600;
const SIZE: (u32, u32) = (960, 720);
const ABOVE_HEIGHT: u32 = 380;
const MARGIN: u32 = 12;
const DOT: i32 = 10;
const FONT: (&str, u32) = ("sans-serif", 20);
const GREY: RGBColor = RGBColor(160, 160, 160);
const DARK: RGBColor = RGBColor(31, 78, 121);
const KILOBYTE: f64 = 1e3;

#[cfg(test)]
mod tests {
    use super::*;
    use synack_netem::{Probability, Rate};

    #[test]
    fn a_picture_shows_every_loss_of_the_beginning_and_is_the_same_each_time() {
        let path = Path {
            rate: Rate::mbit(10),
            rtt: Duration::from_millis(40),
            loss: Probability::percent(1),
            reordering: Probability::NEVER,
        };
        let time = Duration::from_secs(20);
        for &controller in Controller::ALL {
            let [first, second] = [(); 2].map(|()| svg(path, controller, time).unwrap());
            assert_eq!(first, second);
            let Course { moments, lost, again } =
                Course::run(path, controller, time, MOMENTS_MAX).unwrap();
            assert!(!lost.is_empty() && again.len() >= lost.len() - 1);
            assert!(moments.windows(2).all(|pair| pair[0].time < pair[1].time));
            let is_shown = |(at, _): &&(Duration, u64)| *at <= beginning(time);
            let shown = lost.iter().chain(&again).filter(is_shown).count();
            // Two stand in the legend.
            assert_eq!(first.matches("<circle").count(), shown + 2, "{}", controller.name);
        }
    }
}
