using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Tests;

/// <summary>A machine that does what the test says, and remembers what it was asked.</summary>
internal sealed class FakeMachine : IMachineRunner
{
    private readonly Func<VmConfig, RunOutputs, VmResult> _run;

    public FakeMachine(Func<VmConfig, RunOutputs, VmResult> run)
    {
        _run = run;
    }

    public FakeMachine(StopReason reason, ulong? guestCode = null)
        : this((config, _) => Result(config, reason) with { GuestCode = guestCode })
    {
    }

    /// <summary>The configuration of the last run.</summary>
    public VmConfig? Config { get; private set; }

    /// <summary>The outputs of the last run.</summary>
    public RunOutputs? Outputs { get; private set; }

    /// <summary>A result with nothing in it but the reason.</summary>
    public static VmResult Result(VmConfig config, StopReason reason) => new()
    {
        Mode = config.Sev.Mode,
        Reason = reason,
        Times = new VmTimes
        {
            StartedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero),
            Start = TimeSpan.FromSeconds(0.5),
            End = TimeSpan.FromSeconds(2.75),
        },
        GuestMemoryBytes = config.MemoryBytes,
    };

    public VmResult Run(VmConfig config, RunOutputs outputs)
    {
        Config = config;
        Outputs = outputs;
        return _run(config, outputs);
    }
}
