using System.Globalization;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>One call of a launch that is made to fail.</summary>
/// <param name="Call">The call, by its name in the log of the simulated host.</param>
/// <param name="Nth">Which call of that name, from 1.</param>
/// <param name="Errno">The name of the error number.</param>
/// <param name="Firmware">What the firmware answers, or null when it is not asked.</param>
internal sealed record SevFailure(string Call, int Nth, string Errno, uint? Firmware = null)
{
    /// <summary>The value of <c>--fail</c>.</summary>
    public override string ToString() =>
        Firmware is uint status
            ? string.Create(CultureInfo.InvariantCulture, $"{Nth}:{Call}:{Errno}:0x{status:x}")
            : string.Create(CultureInfo.InvariantCulture, $"{Nth}:{Call}:{Errno}");
}
