using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>64 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes64
{
    /// <summary>Count of elements.</summary>
    public const int Length = 64;

    private byte _element0;
}
