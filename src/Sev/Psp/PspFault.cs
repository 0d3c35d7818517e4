using System.Diagnostics.CodeAnalysis;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Sev.Psp;

/// <summary>Refusals of the model: the firmware's, and those that Linux makes before it asks the firmware.</summary>
internal static class PspFault
{
    /// <summary>Makes the firmware's refusal.</summary>
    /// <param name="command">The command.</param>
    /// <param name="status">The firmware's status.</param>
    /// <param name="detail">Why, a clause without a full stop.</param>
    internal static SevCommandFailedException Firmware(string command, PspStatus status, string detail) =>
        SevCommandFailedException.FromStatus(command, status, $"{char.ToUpperInvariant(detail[0])}{detail[1..]}.");

    /// <summary>Makes the kernel's refusal.</summary>
    /// <param name="command">The command.</param>
    /// <param name="errno">The error as Linux names it, with its number: <c>EINVAL (22)</c>.</param>
    /// <param name="detail">Why, a sentence.</param>
    internal static SevCommandFailedException Kernel(string command, string errno, string detail) =>
        new(command, null, $"{command} failed: {errno}. {detail}");

    /// <summary>Refuses as the firmware does unless a condition holds.</summary>
    /// <param name="holds">The condition.</param>
    /// <param name="command">The command.</param>
    /// <param name="status">The firmware's status.</param>
    /// <param name="detail">Why, a clause without a full stop.</param>
    /// <exception cref="SevCommandFailedException">The condition does not hold.</exception>
    internal static void Require([DoesNotReturnIf(false)] bool holds, string command, PspStatus status, string detail)
    {
        if (!holds)
        {
            throw Firmware(command, status, detail);
        }
    }
}
