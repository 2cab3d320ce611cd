import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import Plot from "uplot";
import { useTheme } from "../app/preferences.ts";

const HEIGHT_PX = 160;
/** What is shown at the least, however short one has looked. */
const SPAN_S = 300;
/** So few are points, not a line. */
const FEW = 3;

export interface Series {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** One value over time, with the bound that it has where there is one. What it shows is told in words by `label`. */
export function Chart({
  series,
  bound,
  label,
  format,
}: {
  readonly series: Series;
  readonly bound?: number | undefined;
  readonly label: string;
  readonly format: (value: number) => string;
}) {
  const theme = useTheme();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot>(undefined);
  const formatted = useRef(format);
  formatted.current = format;
  useEffect(() => {
    const { current } = place;
    if (!current) {
      return;
    }
    const colour = (name: string) => colourOf(current, name, theme);
    const drawn = new Plot(
      {
        width: current.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false },
        scales: {
          x: { range: ({ data: [times = []] }) => spanOf(times) },
          y: { range: (_plot, _min, max) => [0, Math.max(max, 1e-9) * 1.15] },
        },
        series: [
          {},
          { stroke: colour("accent"), width: 1.5, fill: colour("accent-soft"), points: { show: ({ data }) => data[0].length < FEW } },
          { stroke: colour("warn"), width: 1, dash: [4, 4], points: { show: false } },
        ],
        axes: [
          { stroke: colour("ink-faint"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } },
          {
            stroke: colour("ink-faint"),
            grid: { stroke: colour("line"), width: 1 },
            ticks: { show: false },
            size: 64,
            values: (_plot, splits) => splits.map((value) => formatted.current(value)),
          },
        ],
      },
      [[], [], []],
      current,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: current.clientWidth, height: HEIGHT_PX }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [theme]);
  useEffect(() => {
    // Drawn anew with another theme too.
    void theme;
    const { times, values } = series;
    plot.current?.setData([[...times], [...values], times.map(() => bound ?? null)]);
  }, [series, bound, theme]);
  return <div ref={place} role="img" aria-label={label} className="w-full" />;
}

function spanOf(times: ArrayLike<number>): [from: number, to: number] {
  const last = times[times.length - 1] ?? 0;
  return [Math.min(times[0] ?? last, last - SPAN_S), last];
}

/** A token's colour as a canvas takes it. */
function colourOf(beside: HTMLElement, name: string, _theme: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  beside.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
