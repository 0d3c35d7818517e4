using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm;

/// <summary>The virtio console of a machine that has one: the device, and its way to the host, which is that of the serial port.</summary>
/// <param name="Device">What the guest sees.</param>
/// <param name="Output">Carries the guest's output.</param>
/// <param name="Matcher">Looks for <c>--until</c>, or null.</param>
/// <param name="Hints">What it said of the guest's memory.</param>
internal sealed record VirtioConsoleParts(VirtioConsole Device, ConsoleOutput Output, ConsoleMatcher? Matcher, ConsoleHints Hints)
{
    /// <summary>Makes it.</summary>
    /// <param name="config">The machine.</param>
    /// <param name="io">Where the output goes.</param>
    /// <param name="stop">Asked to stop when <c>--until</c> matches.</param>
    /// <param name="log">For what the host's side does wrong.</param>
    /// <param name="owned">Gets the output; the device belongs to the <see cref="VirtioDeviceSet"/>.</param>
    internal static VirtioConsoleParts Create(VmConfig config, MachineIo io, StopSignal stop, BoundedLog log, OwnedResources owned)
    {
        // Matcher and hints of its own: each is fed by one thread.
        ConsoleMatcher? matcher = VirtualMachineBuilder.CreateMatcher(config, stop);
        var hints = new ConsoleHints();
        ConsoleOutput output = owned.Add(new ConsoleOutput(io.VirtioConsole, matcher, hints: hints));
        return new VirtioConsoleParts(new VirtioConsole("console", output, io.VirtioConsoleSize, log), output, matcher, hints);
    }
}
