using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>256 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes256
{
    /// <summary>Count of elements.</summary>
    public const int Length = 256;

    private byte _element0;
}
