using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--memory</c>: <c>512M</c>, <c>size=4G</c>.</summary>
internal static class MemoryValue
{
    private const string Option = "--memory";

    /// <summary>Reads guest RAM.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <returns>Bytes, a multiple of 4 KiB.</returns>
    /// <exception cref="UsageException">The text is no such size.</exception>
    internal static ulong Parse(string text)
    {
        string size = text.Contains('=', StringComparison.Ordinal) || text.Contains(',', StringComparison.Ordinal)
            ? KeyValueList.Parse(Option, text, "size").Get("size")!
            : text;
        ulong bytes = SizeValue.Parse(Option, size);
        return GuestPage.IsAligned(bytes) ? bytes : throw new UsageException($"{Option}: '{size}' is not a multiple of 4 KiB");
    }
}
