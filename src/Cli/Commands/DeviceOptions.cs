using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands;

/// <summary>
/// The devices of a machine: <c>run</c> makes them, and they stand in the ACPI tables, which a launch measures; so <c>measure</c> asks for
/// them too.
/// </summary>
internal abstract class DeviceOptions : CommonOptions
{
    /// <summary>The guest's disks.</summary>
    [Option("disk", MetaValue = "DISK",
        HelpText = "A disk, repeatable: an image or block device, PATH or path=PATH, then ,readonly=on ,queues=N.")]
    public IEnumerable<string> Disk { get; set; } = [];

    /// <summary>The guest's network cards.</summary>
    [Option("net", MetaValue = "NET",
        HelpText = "A network card, repeatable: tap=NAME, or socket=PATH of passt and its like; then ,mac=XX:XX:XX:XX:XX:XX.")]
    public IEnumerable<string> Net { get; set; } = [];

    /// <summary>The socket device.</summary>
    [Option("vsock", MetaValue = "VSOCK",
        HelpText = "A socket device: cid=N,socket=PATH. The host connects to PATH and writes 'CONNECT port'; the guest reaches PATH_port.")]
    public string? Vsock { get; set; }

    /// <summary>Whether there is an entropy source.</summary>
    [Option("rng", HelpText = "Give the guest an entropy source, which the host's kernel feeds.")]
    public bool Rng { get; set; }

    /// <summary>Where the virtio console goes.</summary>
    [Choices("tty", "off", "file=")]
    [Option("console", MetaValue = "TARGET", Default = "off",
        HelpText = "A virtio console (Linux: hvc0): tty, file=PATH, or off for none. tty takes the terminal from the serial port.")]
    public string Console { get; set; } = string.Empty;

    /// <summary>A machine with these devices; touches no file.</summary>
    /// <param name="machine">The rest of the machine.</param>
    /// <exception cref="UsageException">A value cannot be read; the message names the option.</exception>
    internal VmConfig WithDevices(VmConfig machine) => machine with
    {
        Disks = ParseAll(Disk, DiskValue.Parse),
        NetworkCards = ParseAll(Net, NetValue.Parse),
        Vsock = Vsock is string vsock ? VsockValue.Parse(vsock) : null,
        HasRng = Rng,
        HasConsole = ConsoleTarget.Kind != SerialKind.Off,
    };

    /// <summary>Where the virtio console goes; <see cref="SerialKind.Off"/> for a machine without one.</summary>
    /// <exception cref="UsageException">The value cannot be read.</exception>
    internal SerialTarget ConsoleTarget => SerialTarget.Parse("--console", Console);

    // None is always the same list, so that configurations that mean the same are equal.
    private static T[] ParseAll<T>(IEnumerable<string> texts, Func<string, T> parse)
    {
        T[] values = [.. texts.Select(parse)];
        return values.Length == 0 ? [] : values;
    }
}
