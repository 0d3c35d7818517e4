using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>16 bytes, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct Bytes16
{
    /// <summary>Count of elements.</summary>
    public const int Length = 16;

    private byte _element0;
}
