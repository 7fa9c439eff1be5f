import { BarChart } from 'echarts/charts'
import { GridComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { dollars, shortNumber } from '../base/words.ts'
import type { CostReport } from './shape.ts'

/** Any CSS colours; a page's may be variables of its style. */
export interface Colours {
  bar: string
  text: string
  line: string
}

/** Such as can be read on white and on black. */
const ANYWHERE: Colours = { bar: '#2f81d6', text: '#808080', line: '#80808055' }

/**
 * Bars by day as an SVG that needs nothing else: USD, or tokens where no money was spent. Sizes are in pixels, as the
 * letters' is.
 */
export function chartOf(
  { by_day }: Pick<CostReport, 'by_day'>,
  { width, height, colours = ANYWHERE }: { width: number; height: number; colours?: Colours },
): string {
  const inUsd = by_day.some(({ known_usd }) => known_usd > 0)
  const values = by_day.map(({ known_usd, tokens }) => (inUsd ? known_usd : tokens.input + tokens.output))
  // each is taken once, however often it is named
  use([BarChart, GridComponent, SVGRenderer])
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  const label = { color: colours.text, fontSize: 12 }
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    grid: { left: 4, right: 4, top: 12, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      type: 'category',
      data: by_day.map(({ day }) => day.slice('2026-'.length)),
      axisLabel: label,
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
    },
    yAxis: {
      type: 'value',
      splitNumber: 3,
      axisLabel: {
        ...label,
        formatter: (value: number) => (inUsd ? dollars(value) : shortNumber(value)),
      },
      splitLine: { lineStyle: { color: colours.line } },
    },
    series: [
      {
        type: 'bar',
        data: values,
        barMaxWidth: 40,
        silent: true,
        itemStyle: { color: colours.bar, borderRadius: [3, 3, 0, 0] },
      },
    ],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  const title = `${inUsd ? 'USD' : 'tokens'} by day`
  return svg.replace('<svg ', `<svg role="img" aria-label="${title}" `)
}
