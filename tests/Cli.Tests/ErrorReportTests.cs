using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Tests;

/// <summary>The table from exceptions to exit codes, through the whole program: the fake machine throws.</summary>
public sealed class ErrorReportTests
{
    /// <summary>Exception, exit code, line, hint (null: none).</summary>
    public static IEnumerable<TheoryDataRow<Exception, int, string, string?>> Failures =>
    [
        new(new InvalidInputException("vmlinuz", "setup_sects", "is 0"), 65, "vmlinuz: setup_sects: is 0", null),
        new(new HostLacksException("This host has no SEV.", "Use --sev simulated."), 69, "This host has no SEV.", "Use --sev simulated."),
        new(new SevFormatException("vm_godh.b64", "certificate", "is short"), 65, "vm_godh.b64: certificate: is short", null),
        new(
            new CryptoUnavailableException("libssl.so.3", "Install it."),
            69,
            "libssl.so.3 cannot be loaded: no cryptography on this machine", "Install it."),
        new(new UsageException("--x is wrong", "write --y"), 64, "--x is wrong", "write --y"),
        new(new FileNotFoundException("no a"), 66, "no a", null),
        new(new DirectoryNotFoundException("no b"), 66, "no b", null),
        new(new UnauthorizedAccessException("not you"), 77, "not you", null),
        new(new IOException("disk full"), 74, "disk full", null),
        new(new PlatformNotSupportedException("KVM 13"), 69, "KVM 13", null),
        new(KvmException.FromErrno("KVM_RUN", 14, null), 74, "KVM_RUN failed: EFAULT (14). Bad address", null),
    ];

    [Theory]
    [MemberData(nameof(Failures))]
    public void Failure_OfTheMachine_IsOneLineAndItsCode(Exception failure, int exitCode, string message, string? hint)
    {
        using TempDirectory directory = new();
        CliRunner runner = new() { Machine = new FakeMachine((_, _) => throw failure) };

        CliResult result = runner.RunWith("run", "--kernel", directory.Kernel);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith($"kvmsev: {message}", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.Equal(hint is null ? [] : [$"  hint: {hint}"], result.ErrorLines[1..]);
    }

    [Theory]
    [InlineData(Errno.EACCES, 77)]
    [InlineData(Errno.EPERM, 77)]
    [InlineData(Errno.ENOENT, 69)]
    [InlineData(Errno.ENODEV, 69)]
    [InlineData(Errno.ENXIO, 69)]
    [InlineData(Errno.ENOTTY, 69)]
    [InlineData(Errno.EINVAL, 69)]
    [InlineData(Errno.ENOMEM, 69)]
    [InlineData(Errno.EBUSY, 69)]
    [InlineData(Errno.EIO, 74)]
    [InlineData(Errno.EFAULT, 74)]
    public void KvmError_ByErrno_HasItsCode(Errno errno, int exitCode) =>
        Assert.Equal(exitCode, ErrorReport.For(KvmException.FromErrno("open(\"/dev/kvm\")", (int)errno)).ExitCode);

    [Theory]
    [InlineData(PspStatus.PolicyFailure, 65)]
    [InlineData(PspStatus.InvalidCertificate, 65)]
    [InlineData(PspStatus.InvalidLength, 65)]
    [InlineData(PspStatus.BadMeasurement, 65)]
    [InlineData(PspStatus.BadSignature, 65)]
    [InlineData(PspStatus.ResourceLimit, 69)]
    [InlineData(PspStatus.InvalidPlatformState, 69)]
    [InlineData(PspStatus.HardwareErrorUnsafe, 69)]
    [InlineData(PspStatus.InvalidGuestState, 74)]
    public void FirmwareStatus_OfASevCommand_HasItsCode(PspStatus status, int exitCode)
    {
        ErrorReport report = ErrorReport.For(SevCommandFailedException.FromStatus("LAUNCH_START", status, "Why.", "Cure."));

        Assert.Equal(exitCode, report.ExitCode);
        Assert.Equal($"LAUNCH_START failed: firmware {PspStatusText.NameOf(status)} (0x{(uint)status:X2}). Why.", report.Message);
        Assert.Equal("Cure.", report.Hint);
    }

    [Theory]
    [InlineData(Errno.EBUSY, 69)]
    [InlineData(Errno.EPERM, 77)]
    [InlineData(Errno.EFAULT, 74)]
    public void Kernel_ThatRefusesASevCommandItself_HasTheCodeOfTheErrno(Errno errno, int exitCode)
    {
        KvmException kernel = KvmException.FromErrno("KVM_SEV_INIT", (int)errno);

        Assert.Equal(
            exitCode, ErrorReport.For(new SevCommandFailedException(kernel.Call, null, kernel.Message, kernel.Hint, kernel)).ExitCode);
    }

    [Fact]
    public void KvmError_WithHint_SaysItOnceInALineOfItsOwn()
    {
        ErrorReport report = ErrorReport.For(KvmException.FromErrno("KVM_CREATE_VM", 22, "The kernel does not offer this VM type."));

        Assert.Equal("KVM_CREATE_VM failed: EINVAL (22)", report.Message);
        Assert.Equal("The kernel does not offer this VM type.", report.Hint);
    }

    [Fact]
    public void UnknownException_IsInternalError_AndSaysHowToReport()
    {
        using TempDirectory directory = new();
        CliRunner runner = new() { Machine = new FakeMachine((_, _) => throw new InvalidOperationException("the\nimpossible")) };

        CliResult result = runner.RunWith("run", "--kernel", directory.Kernel);

        Assert.Equal(70, result.ExitCode);
        Assert.Equal(@"kvmsev: internal error: InvalidOperationException: the\x0aimpossible", result.ErrorLines[0]);
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.Contains("please report it", result.ErrorLines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void StackTrace_OnlyWhenAskedFor()
    {
        using TempDirectory directory = new();
        CliRunner plain = new() { Machine = new FakeMachine((_, _) => throw new IOException("broken")) };
        CliRunner traced = new() { Machine = plain.Machine, Environment = { ["KVMSEV_TRACE"] = "1" } };

        Assert.DoesNotContain("   at ", plain.RunWith("run", "--kernel", directory.Kernel, "-v").Error, StringComparison.Ordinal);
        Assert.Contains("   at KvmSevVmm.Cli.Tests.", plain.RunWith("run", "--kernel", directory.Kernel, "-vv").Error,
            StringComparison.Ordinal);
        Assert.Contains("   at KvmSevVmm.Cli.Tests.", traced.RunWith("run", "--kernel", directory.Kernel).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ClosedPipe_OnStdout_IsSilent()
    {
        using Stream closed = new ThrowingStream(new ClosedPipeException(new IOException("Broken pipe")));

        CliResult result = new CliRunner { Output = closed }.RunWith("--help");

        Assert.Equal(141, result.ExitCode);
        Assert.Empty(result.Error);
    }

    [Fact]
    public void FullDisk_OnStdout_IsAnIoError() =>
        Assert.Equal(74,
            new CliRunner { Output = new ThrowingStream(new IOException("No space left on device")) }.RunWith("--help").ExitCode);

    [Fact]
    public void FullDisk_OnStderr_LeavesTheExitCode()
    {
        // Not disposed: that would flush, and fail, again.
        StreamWriter broken = new(new ThrowingStream(new IOException("No space left on device"))) { AutoFlush = true };

        Assert.Equal(64, new CliRunner { ErrorWriter = broken }.RunWith("rnu").ExitCode);
    }

    [Fact]
    public void NoMachine_IsInternalError()
    {
        using TempDirectory directory = new();

        Assert.Equal(70, CliRunner.Run("run", "--kernel", directory.Kernel).ExitCode);
    }
}
