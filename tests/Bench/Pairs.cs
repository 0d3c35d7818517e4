using System.Diagnostics;
using System.Globalization;

namespace KvmSevVmm.Bench;

/// <summary>Two ways to do one thing, in turns: the median of the pairs' ratios is what a drifting machine leaves alone.</summary>
internal static class Pairs
{
    /// <summary>Measures.</summary>
    /// <param name="rounds">Pairs; one more comes first and is not counted.</param>
    /// <param name="ours">The way in question.</param>
    /// <param name="baseline">What it is compared with.</param>
    /// <param name="detail">Quartiles of the ratios, and nanoseconds of each way at best.</param>
    /// <returns>The median ratio, ours to the baseline.</returns>
    public static double Compare(int rounds, Action ours, Action baseline, out string detail)
    {
        double[] ratios = new double[rounds];
        double bestOurs = double.MaxValue;
        double bestBaseline = double.MaxValue;
        _ = Time(ours) + Time(baseline);
        for (int round = 0; round < rounds; round++)
        {
            bool isBaselineFirst = (round & 1) == 0;
            double other = isBaselineFirst ? Time(baseline) : 0;
            double own = Time(ours);
            other = isBaselineFirst ? other : Time(baseline);
            ratios[round] = own / other;
            bestOurs = Math.Min(bestOurs, own);
            bestBaseline = Math.Min(bestBaseline, other);
        }

        Array.Sort(ratios);
        detail = string.Create(
            CultureInfo.InvariantCulture,
            $"quartiles {ratios[rounds / 4]:0.00} to {ratios[rounds * 3 / 4]:0.00}, "
            + $"best {bestOurs / 1e3:0.0} us to {bestBaseline / 1e3:0.0} us");
        return ratios[rounds / 2];
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }
}
