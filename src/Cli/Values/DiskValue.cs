using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices.Virtio;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--disk PATH[,readonly=on][,queues=N]</c>.</summary>
internal static class DiskValue
{
    private const string Option = "--disk";

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">An unknown key, or a value that cannot be.</exception>
    internal static DiskConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, "path", "readonly", "queues");
        return new DiskConfig(
            list.Get("path")
                ?? throw new UsageException($"{Option}: the path is missing", "write for instance --disk disk.img,readonly=on"),
            list.Get("readonly") is string isReadOnly && ChoiceValue.Parse($"{Option} readonly", isReadOnly, ("on", true), ("off", false)),
            list.Get("queues") is string queues ? (int)NumberValue.Parse($"{Option} queues", queues, 1, VirtioBlock.MaximumQueues) : 1);
    }
}
