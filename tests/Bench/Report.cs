using System.Globalization;

namespace KvmSevVmm.Bench;

/// <summary>Prints one line a benchmark and remembers whether a limit was passed.</summary>
internal sealed class Report
{
    /// <summary>Whether a figure was over its limit.</summary>
    public bool IsOverLimit { get; private set; }

    /// <summary>Prints a figure that has a limit.</summary>
    /// <param name="name">What was measured.</param>
    /// <param name="value">The figure.</param>
    /// <param name="limit">The most it may be.</param>
    /// <param name="unit">Its unit; "ratio" for none.</param>
    /// <param name="detail">How it came about.</param>
    public void Add(string name, double value, double limit, string unit, string detail)
    {
        bool isOver = value > limit;
        IsOverLimit |= isOver;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(isOver ? "OVER" : "ok"),-5}{name,-44}{value,10:0.###} {unit,-6} limit {limit:0.###}; {detail}"));
    }

    /// <summary>Prints a figure without a limit.</summary>
    /// <param name="name">What was measured.</param>
    /// <param name="value">The figure.</param>
    /// <param name="unit">Its unit.</param>
    /// <param name="detail">How it came about.</param>
    public static void Tell(string name, double value, string unit, string detail) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{string.Empty,-5}{name,-44}{value,10:0.###} {unit,-6} {detail}"));
}
