using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Sev.Commands;

/// <summary>A SEV command was refused, by the kernel, by the firmware or by its model.</summary>
public sealed class SevCommandFailedException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="command">The command, such as <c>LAUNCH_START</c>.</param>
    /// <param name="status">What the firmware answered, or null when it was not asked.</param>
    /// <param name="message">Command, error and its meaning, one line.</param>
    /// <param name="hint">Likely cause and cure, one sentence, or null.</param>
    /// <param name="inner">The kernel's error, or null.</param>
    public SevCommandFailedException(string command, PspStatus? status, string message, string? hint = null, Exception? inner = null)
        : base(message, inner)
    {
        Command = command;
        Status = status;
        Hint = hint;
    }

    /// <summary>The command that was refused, by its name in AMD's specification.</summary>
    public string Command { get; }

    /// <summary>What the firmware answered; null when it was not asked, because the kernel refused before.</summary>
    public PspStatus? Status { get; }

    /// <summary>Likely cause and cure, one sentence, or null.</summary>
    public string? Hint { get; }

    /// <summary>Makes the exception for a status of the firmware.</summary>
    /// <param name="command">The command, such as <c>LAUNCH_START</c>.</param>
    /// <param name="status">What the firmware answered.</param>
    /// <param name="detail">Which parameter is at fault and why, one sentence.</param>
    /// <param name="hint">Likely cause and cure, one sentence, or null.</param>
    public static SevCommandFailedException FromStatus(string command, PspStatus status, string detail, string? hint = null) =>
        new(command, status, $"{command} failed: firmware {PspStatusText.NameOf(status)} (0x{(uint)status:X2}). {detail}", hint);
}
