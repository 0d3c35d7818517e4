using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>What every verb of <c>platform</c> is told: which platform.</summary>
internal abstract class PlatformOptions : CommonOptions
{
    /// <summary>The firmware's device.</summary>
    [Option("sev-device", MetaValue = "PATH", HelpText = "The SEV firmware's device (default: /dev/sev).")]
    public string? SevDevicePath { get; set; }

    /// <summary>The directory of a model.</summary>
    [Option("model", MetaValue = "DIR", HelpText = "Use the software PSP that is kept in DIR, made there if new; simulated.")]
    public string? Model { get; set; }

    /// <summary>The device's path, with its default.</summary>
    internal string SevDevice => SevDevicePath ?? KvmNative.SevDevice.DefaultPath;

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Model is not null && SevDevicePath is not null)
        {
            throw new UsageException("--model and --sev-device contradict each other");
        }
    }
}
