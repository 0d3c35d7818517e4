using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.Cli;

/// <summary>What the user is told of a failure, and the exit code it ends the program with.</summary>
/// <param name="ExitCode">One of <see cref="Cli.ExitCode"/>.</param>
/// <param name="Message">What failed, one line; null for silence.</param>
/// <param name="Hint">What to try, one line, or null.</param>
internal sealed record ErrorReport(int ExitCode, string? Message, string? Hint)
{
    /// <summary>The table from exceptions to exit codes.</summary>
    /// <param name="error">What was thrown.</param>
    internal static ErrorReport For(Exception error) => error switch
    {
        UsageException usage => new(Cli.ExitCode.Usage, usage.Message, usage.Hint),
        InvalidInputException input => new(Cli.ExitCode.BadInput, input.Message, null),
        SevFormatException blob => new(Cli.ExitCode.BadInput, blob.Message, null),
        SevCommandFailedException refused => new(ExitCodeFor(refused), WithoutHint(refused.Message, refused.Hint), refused.Hint),
        QmpException refused => new(Cli.ExitCode.Failure, $"the machine refuses: {refused.Message}", null),
        KvmException kvm => new(ExitCodeFor(kvm.Errno), WithoutHint(kvm.Message, kvm.Hint), kvm.Hint),
        CryptoUnavailableException crypto => new(Cli.ExitCode.HostLacks, WithoutHint(crypto.Message, crypto.Hint), crypto.Hint),
        PlatformNotSupportedException => new(Cli.ExitCode.HostLacks, error.Message, null),
        HostLacksException lacks => new(Cli.ExitCode.HostLacks, lacks.Message, lacks.Hint),
        ClosedPipeException => new(Cli.ExitCode.ClosedPipe, null, null),
        FileNotFoundException or DirectoryNotFoundException => new(Cli.ExitCode.NoInput, error.Message, null),
        UnauthorizedAccessException => new(Cli.ExitCode.NoPermission, error.Message, null),
        IOException => new(Cli.ExitCode.IoError, error.Message, null),
        _ => new(
            Cli.ExitCode.InternalError,
            $"internal error: {error.GetType().Name}: {error.Message}",
            "this is a bug in kvmsev; please report it with the output of 'kvmsev version' and of this command run with KVMSEV_TRACE=1"),
    };

    /// <summary>Writes the line and the hint.</summary>
    /// <param name="output">Takes words for people; a failure to take them changes nothing, there is nowhere left to say so.</param>
    /// <param name="trace">The exception whose stack trace is to follow, or null.</param>
    internal void Write(TextWriter output, Exception? trace = null)
    {
        try
        {
            if (Message is not null)
            {
                output.WriteLine($"kvmsev: {OneLine.Clean(Message)}");
            }

            if (Hint is not null)
            {
                output.WriteLine($"  hint: {OneLine.Clean(Hint)}");
            }

            if (trace is not null)
            {
                foreach (string line in trace.ToString().Split('\n'))
                {
                    output.WriteLine($"  {OneLine.Clean(line.TrimEnd('\r'))}");
                }
            }

            output.Flush();
        }
        catch (IOException)
        {
            // A full or closed stderr must not turn one failure into another; the exit code still tells.
        }
    }

    // What the kernel refuses for want of a device, a feature or a resource is the host's lack; what goes wrong in a call that it does
    // offer is an I/O error.
    private static int ExitCodeFor(Errno errno) => errno switch
    {
        Errno.EACCES or Errno.EPERM => Cli.ExitCode.NoPermission,
        Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.ENOTTY or Errno.ENOSYS or Errno.EOPNOTSUPP or Errno.EINVAL
            or Errno.ENOMEM or Errno.EBUSY or Errno.EMFILE or Errno.ENFILE => Cli.ExitCode.HostLacks,
        _ => Cli.ExitCode.IoError,
    };

    // The exception's message ends with its hint, which stands in a line of its own here.
    private static string WithoutHint(string message, string? hint) =>
        hint is not null && message.EndsWith(hint, StringComparison.Ordinal) ? message[..^hint.Length].TrimEnd(' ', '.') : message;

    // What the firmware finds wrong in what the owner and the user gave it is bad input; what it cannot do is the host's lack.
    private static int ExitCodeFor(SevCommandFailedException refused) => refused switch
    {
        { Status: PspStatus.PolicyFailure } => Cli.ExitCode.BadInput,
        {
            Status: PspStatus.InvalidCertificate or PspStatus.InvalidLength or PspStatus.BadSignature or PspStatus.BadMeasurement
        } when TakesOwnersInput(refused.Command) => Cli.ExitCode.BadInput,
        {
            Status: PspStatus.InvalidPlatformState or PspStatus.InvalidConfig or PspStatus.AlreadyOwned or PspStatus.InvalidCommand
                or PspStatus.HardwareErrorPlatform or PspStatus.HardwareErrorUnsafe or PspStatus.Unsupported or PspStatus.ResourceLimit
                or PspStatus.SecureDataInvalid or PspStatus.RmpInitializationRequired or PspStatus.BadSvn or PspStatus.BadVersion
                or PspStatus.ShutdownRequired or PspStatus.UpdateFailed or PspStatus.RestoreRequired or PspStatus.RmpInitializationFailed
        } => Cli.ExitCode.HostLacks,
        { Status: null, InnerException: KvmException kvm } => ExitCodeFor(kvm.Errno),
        _ => Cli.ExitCode.IoError,
    };

    // With any other command a wrong length or code is not the owner's doing. The kernel's names have a prefix, the model's have none.
    private static bool TakesOwnersInput(string command) =>
        command.EndsWith("LAUNCH_START", StringComparison.Ordinal)
        || command.EndsWith("LAUNCH_SECRET", StringComparison.Ordinal)
        || command.EndsWith("SNP_LAUNCH_FINISH", StringComparison.Ordinal)
        || command.EndsWith("PEK_CERT_IMPORT", StringComparison.Ordinal)
        || command.EndsWith("SEND_START", StringComparison.Ordinal)
        || command.EndsWith("RECEIVE_START", StringComparison.Ordinal)
        || command.EndsWith("RECEIVE_UPDATE_DATA", StringComparison.Ordinal);
}
