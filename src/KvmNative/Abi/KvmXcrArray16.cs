using System.Runtime.CompilerServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>16 values of <see cref="KvmXcr"/>, in place; converts to a span.</summary>
[InlineArray(Length)]
public struct KvmXcrArray16
{
    /// <summary>Count of elements.</summary>
    public const int Length = 16;

    private KvmXcr _element0;
}
